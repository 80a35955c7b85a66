"""Dashboards and data views in Kibana, from one definition for all versions."""
