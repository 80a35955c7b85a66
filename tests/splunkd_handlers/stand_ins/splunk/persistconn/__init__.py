"""A stand-in for Splunk's persistent connections."""
