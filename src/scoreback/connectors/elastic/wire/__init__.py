"""How the cluster is spoken to: transport, retries, bulk, points in time, failures in our words."""
