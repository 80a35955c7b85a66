"""Access to Splunk: the management port, the HTTP event collector, the KV store."""
