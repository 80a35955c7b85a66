"""The door to Splunk: a search head's management port, and the HTTP event collector."""

from scoreback.connectors.splunk.connector import SplunkConnector

__all__ = ["SplunkConnector"]
