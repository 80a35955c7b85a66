"""Splunk's wires: the management port, the HTTP event collector, the KV store."""
