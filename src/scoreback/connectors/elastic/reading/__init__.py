"""Reads events from the cluster: selections, fields, slices, pages of hits."""
