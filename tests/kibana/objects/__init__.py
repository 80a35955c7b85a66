"""Saved objects and what is kept as such: data views, dashboards."""
