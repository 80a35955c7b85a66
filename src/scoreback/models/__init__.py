"""The learning: knows records; no SIEM, no clock, no network."""
