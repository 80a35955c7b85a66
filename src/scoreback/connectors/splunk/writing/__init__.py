"""What is written to Splunk: scores, counts, health, lookups."""
