"""Computes feature plans: event features, window features and units, in bulk and online."""
