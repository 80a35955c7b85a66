"""Replays a detector over past days as it would have been. Writes nothing to SIEM or state."""
