"""Keys of a selection of Splunk; this file is read alone, without the connector."""

KEYS = ("search", "id", "fields")
