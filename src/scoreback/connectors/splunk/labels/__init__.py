"""Analysts' verdicts on alerts: Enterprise Security's dispositions, or the app's own actions."""
