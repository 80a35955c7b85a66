"""Thresholds and precision at the alert budget."""
