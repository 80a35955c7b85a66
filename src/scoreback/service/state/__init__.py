"""What the service stores: progress, batches, runs, versions, labels, the audit log."""
