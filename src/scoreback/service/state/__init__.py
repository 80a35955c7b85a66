"""What the service remembers: progress, batches, runs, versions, audit log."""
