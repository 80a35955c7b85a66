"""Alerts where no Kibana raises them: rules, alerts and verdicts in indices of ours."""
