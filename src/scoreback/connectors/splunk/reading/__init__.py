"""What is read of Splunk: events by a detector's selection."""
