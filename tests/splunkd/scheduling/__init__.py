"""Scheduled searches: when they are due, what a run does, and the alerts that it raises."""
