"""Thresholds, the pacing of alerts, and precision at the alert budget."""
