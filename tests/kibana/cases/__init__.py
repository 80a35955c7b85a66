"""Cases: what is kept of them, what they do to alerts, and their API."""
