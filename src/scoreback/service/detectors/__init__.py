"""Reads detector files, drafts them, and checks them against the SIEM."""
