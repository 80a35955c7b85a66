"""Scores, enrichments and health into the cluster."""
