"""Scoring runs: read, step, publish exactly once."""
