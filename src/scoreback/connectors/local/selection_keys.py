"""Keys of a selection of the embedded SIEM; this file is read without importing the connector."""

KEYS = ("stream",)
