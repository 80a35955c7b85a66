"""Exports into the embedded SIEM: files to typed rows to segments."""
