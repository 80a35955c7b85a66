"""Detector files from the service's side: read, drafted, checked against the SIEM."""
