"""What detectors need in Splunk beside rules: lookups, calculated fields; what is missing."""
