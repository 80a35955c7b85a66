"""Keys of a selection of Elasticsearch; this file is read alone, without the connector."""

KEYS = ("index", "query", "filter", "time", "arrival")
