"""Keys of a selection for Splunk; this file is read without importing the connector."""

KEYS = ("search", "id", "fields")
