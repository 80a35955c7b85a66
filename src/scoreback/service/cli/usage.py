"""Wrong arguments: the command exits with 2."""

from scoreback.errors import ConfigError


class UsageError(ConfigError):
    """Arguments are invalid, or cannot be combined."""
