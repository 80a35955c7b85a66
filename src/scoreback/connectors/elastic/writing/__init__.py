"""Writes scores, enrichments and health to the cluster."""
