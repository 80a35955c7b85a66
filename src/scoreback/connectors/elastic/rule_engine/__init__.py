"""Alerts without Kibana: rules, alerts and verdicts in Scoreback's own indices."""
