"""Rolls a bad version back, and takes back the alerts that it alone raised."""
