"""Scoring runs: read events, cut them into steps, publish the scores exactly once."""
