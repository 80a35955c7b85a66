"""The door to Elasticsearch: only what its core server can do, so it works on any licence."""

from scoreback.connectors.elastic.connector import ElasticConnector

__all__ = ["ElasticConnector"]
