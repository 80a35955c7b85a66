"""Writes scores, counts, health and lookups to Splunk."""
