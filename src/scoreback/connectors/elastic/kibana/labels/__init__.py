"""Analysts' verdicts on Elastic Security's alerts, as labels."""
