"""Runs rules over the real node, as Kibana's task manager and detection engine do."""
