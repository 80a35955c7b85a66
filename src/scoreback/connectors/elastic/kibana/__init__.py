"""Elastic Security through Kibana: alert rules, alerts, verdicts and dashboards of one space."""
