"""Arguments that do not fit together, or that cannot be read: the command ends with 2."""

from scoreback.errors import ConfigError


class UsageError(ConfigError):
    """The command was called in a way that it cannot be called."""
