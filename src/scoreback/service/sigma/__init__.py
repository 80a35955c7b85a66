"""Drafts of detector files from Sigma rules."""
