"""Replays a detector over past days as it would have run. Writes nothing to SIEM or state."""
