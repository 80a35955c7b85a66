"""The listed subset of Splunk's search language, executed over the simulator's own store."""
