"""Reads events from Splunk by a detector's selection."""
