"""Loads exports into the embedded SIEM: from files to typed rows to segments."""
