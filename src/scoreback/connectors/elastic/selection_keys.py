"""Keys of a selection for Elasticsearch; this file is read without importing the connector."""

KEYS = ("index", "query", "filter", "time", "arrival")
