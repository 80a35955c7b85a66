"""How to reach a SIEM: reads a connection file, and refuses one that shows secrets to others.

The mapping in the file goes to the connector as it stands; only ``connector`` is read here. What
the file holds never shows in an error or in a ``repr``, as it may be a secret.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scoreback.connectors.registry import load_connector
from scoreback.errors import ConfigError
from scoreback.models.detector.located_yaml import Document, Key, parse, read_text
from scoreback.models.detector.problems import key_path
from scoreback.service.settings import PREFIX, Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")
_SECRET = re.compile(r"passw|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_USER_IN_URL = re.compile(r"://[^/@\s]+:[^/@\s]+@")
_QUOTED_TAG = re.compile(r"the tag .* is not allowed|tag handle .*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection: the connector's name, and the options it is opened with."""

    name: str
    connector: str
    settings: Mapping[str, object] = field(repr=False)


def connection_of(settings: Settings) -> Connection:
    """The connection that *settings* choose.

    Raises:
        ConfigError: its file is missing, invalid, or lets other users read a secret.
    """
    chosen = settings.connector if "connector" in settings.model_fields_set else None
    path = _file_of(settings)
    if not path.exists() and settings.connection_file is None:
        connector = chosen or _without_file(settings)
        defaults = _defaults(settings, connector) if connector is not None else None
        if connector is not None and defaults is not None:
            return Connection(settings.connection, connector, defaults)
        raise ConfigError(
            f"connection {settings.connection!r} has no file: {path} does not exist",
            hint=f"write it, beginning with `connector: {chosen or 'NAME'}`, or name another with"
            f" {PREFIX}CONNECTION_FILE; for the embedded SIEM unset {PREFIX}CONNECTOR and"
            f" {PREFIX}CONNECTION",
        )
    document = _read(path)
    _refuse_open_secrets(path, document)
    named = document.root.pop("connector", None)
    connector = _agreed(document, named, chosen)
    defaults = _defaults(settings, connector) or {}
    return Connection(settings.connection, connector, {**defaults, **document.root})


def _without_file(settings: Settings) -> str | None:
    """The connector to use where neither a file nor the settings name one."""
    fields = type(settings).model_fields
    by_default = settings.connection == fields["connection"].default
    return settings.connector if by_default else None


def _defaults(settings: Settings, connector: str) -> Mapping[str, object] | None:
    """The options that a connector is opened with in this workspace by default."""
    return load_connector(connector).default_settings(settings.home)


def _file_of(settings: Settings) -> Path:
    if settings.connection_file is not None:
        return settings.connection_file
    if not _NAME.fullmatch(settings.connection):
        raise ConfigError(
            f"{settings.connection!r} cannot name a connection",
            hint="use letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    return settings.home / "connections" / f"{settings.connection}.yml"


def _read(path: Path) -> Document:
    try:
        return parse(read_text(path), str(path))
    except ConfigError as error:  # a password that begins with ! reads as a tag: not to be quoted
        message = _QUOTED_TAG.sub("tags are not allowed", error.message)
        raise ConfigError(message, hint=error.hint) from None


def _agreed(document: Document, named: object, chosen: str | None) -> str:
    """The connector's name from the file or the settings; where both name one, they must agree."""
    if named is None:
        if chosen is not None:
            return chosen
        raise ConfigError(
            f"{document.source}: no connector is set",
            hint=f"add `connector: NAME`, or set {PREFIX}CONNECTOR",
        )
    where = f"{document.source}:{document.line(('connector',))}"
    if not isinstance(named, str):
        raise ConfigError(f"{where}: connector: expected text", hint="write connector: NAME")
    if chosen not in (None, named):
        raise ConfigError(
            f"{where}: connector: is {named!r}, but {PREFIX}CONNECTOR says {chosen!r}",
            hint=f"unset {PREFIX}CONNECTOR: the file is enough",
        )
    return named


def _refuse_open_secrets(path: Path, document: Document) -> None:
    """Refuse a file that holds a secret and that others can read or change."""
    if not path.stat().st_mode & 0o066:
        return
    for key in _secrets(document.root, ()):
        raise ConfigError(
            f"{path}:{document.line(key)}: {key_path(key)} looks like a secret, and other users of"
            " this machine can read or change the file",
            hint=f"chmod 600 {path}",
        )


def _secrets(value: object, key: Key) -> Iterator[Key]:
    """Keys whose value looks like a secret: by their name, or as a URL with a password."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _secrets(inner, (*key, name))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _secrets(inner, (*key, i))
    elif value is not None and (_named_secret(key) or _USER_IN_URL.search(str(value))):
        yield key


def _named_secret(key: Key) -> bool:
    names = [part for part in key if isinstance(part, str)]
    if names and names[-1].lower().endswith(("_file", "_env")):
        return False  # names the place where the secret is kept
    return any(_SECRET.search(name) for name in names)
