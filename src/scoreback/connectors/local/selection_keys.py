"""Keys of a selection of the embedded SIEM; this file is read alone, without the connector."""

KEYS = ("stream",)
