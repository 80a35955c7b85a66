"""Scoring within the cluster: ingest pipelines that score an event before it is stored."""
