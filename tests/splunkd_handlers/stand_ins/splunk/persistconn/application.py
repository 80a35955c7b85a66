"""A stand-in for the base class of persistent handlers."""


class PersistentServerConnectionApplication:
    """What Splunk starts once, and hands each request as JSON text."""
