"""Hides a connection's secrets in what a server says: an answer may repeat what we sent."""

import base64

from scoreback.connectors.connection_settings import ConnectionSettings

HIDDEN = "***"


class SecretMask:
    """The secrets of one connection, in each form that an answer may contain."""

    def __init__(self, settings: ConnectionSettings) -> None:
        """Read the secrets of *settings* once.

        Raises:
            ConfigError: a secret's file cannot be read, or others can read it too.
        """
        named = {name: settings.secret(name) for name in settings.SECRETS}
        secrets = {secret for secret in named.values() if secret}
        user, password = getattr(settings, "user", None), named.get("password")
        if user and password:  # as basic authentication encodes it
            secrets.add(base64.b64encode(f"{user}:{password}".encode()).decode())
        self._secrets = sorted(secrets, key=len, reverse=True)  # one secret may be part of another

    def hide(self, text: str) -> str:
        """*text* with the secrets masked."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text
