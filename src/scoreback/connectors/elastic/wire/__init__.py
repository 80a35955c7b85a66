"""Communication with the cluster: transport, retries, bulk, points in time, readable failures."""
