"""Who asks: users with a password, and API keys.

The core node has no security, so keys live here: made by ``POST /simulator/api_keys`` or by
``POST /_security/api_key`` on the simulator's own port, in the shape of Elasticsearch's API.
"""

import base64
import binascii
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from tests.kibana import privileges
from tests.kibana.versions import Version

USER, PASSWORD = "elastic", "changeme"


@dataclass
class Principal:
    """A user or an API key."""

    name: str
    password: str = field(default="", repr=False)
    superuser: bool = False
    applications: list[dict[str, Any]] = field(default_factory=list)
    """Of role descriptors: ``application``, ``privileges``, ``resources``."""
    indices: list[dict[str, Any]] = field(default_factory=list)
    key_id: str | None = None
    invalidated: bool = False
    role_descriptors: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None
    """Of a key: the user who made it."""

    @property
    def username(self) -> str:
        """Who did it, as Kibana notes it: of a key its owner."""
        return self.owner or self.name

    @property
    def profile_uid(self) -> str:
        """What assignees are named by."""
        return f"u_{self.name}_0"

    def granted(self, space: str, version: Version) -> set[str]:
        """The API privileges in *space*."""
        names: set[str] = set()
        for entry in self.applications:
            if entry.get("application") not in (privileges.APPLICATION, "*"):
                continue
            if {"*", f"space:{space}"} & set(entry.get("resources", ())):
                names |= set(entry.get("privileges", ()))
        return privileges.granted(names, version)

    def may_read(self, index: str) -> bool:
        """Whether a pattern of the role descriptors covers the index, and lets it be read."""
        return self.may(index, "read")

    def may(self, index: str, privilege: str) -> bool:
        """Whether the role descriptors give an index privilege (or one above it) on *index*."""
        if self.superuser or not self.indices:
            return self.superuser
        enough = {privilege, *_ABOVE.get(privilege, ()), "all"}
        return any(
            enough & set(entry.get("privileges", ()))
            and any(_covers(name, index) for name in entry.get("names", ()))
            for entry in self.indices
        )


def _covers(pattern: str, index: str) -> bool:
    """Whether all that *index* may match is matched by *pattern*, which may end in a star."""
    if pattern.endswith("*"):
        return index.startswith(pattern[:-1])
    return index == pattern


class Accounts:
    """Users and keys."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.users = {USER: Principal(USER, PASSWORD, superuser=True)}
        self.keys: dict[str, Principal] = {}

    def add_user(
        self,
        name: str,
        password: str,
        features: tuple[str, ...] = (),
        spaces: tuple[str, ...] = ("*",),
    ) -> Principal:
        """A user with Kibana features (``feature_siemV5.all``).

        Of index privileges it has those to read any index and to act on alerts.
        """
        user = Principal(
            name, password, applications=[_application(features, spaces)], indices=_INDICES
        )
        self.users[name] = user
        return user

    def add_key(
        self,
        name: str,
        role_descriptors: Mapping[str, Any] | None = None,
        owner: Principal | None = None,
    ) -> tuple[str, str]:
        """Make a key: its id, and the encoded form that goes into the header.

        Without role descriptors it may do what its owner may, as in Elasticsearch.
        """
        key_id, secret = uuid.uuid4().hex[:20], secrets.token_urlsafe(16)
        descriptors = dict(role_descriptors or {})
        above = owner or self.users[USER]
        key = Principal(
            name, secret, key_id=key_id, role_descriptors=descriptors, owner=above.username
        )
        if descriptors:
            for role in descriptors.values():
                key.applications += role.get("applications", [])
                key.indices += role.get("indices", role.get("index", []))
        else:
            key.superuser = above.superuser
            key.applications, key.indices = above.applications, above.indices
        with self._lock:
            self.keys[key_id] = key
        return key_id, base64.b64encode(f"{key_id}:{secret}".encode()).decode()

    def key_with(self, *features: str, spaces: tuple[str, ...] = ("*",), name: str = "key") -> str:
        """The encoded form of a new key with these features.

        Of index privileges it has those to read any index and to act on alerts.
        """
        role = {"applications": [_application(features, spaces)], "indices": _INDICES}
        return self.add_key(name, {"role": role})[1]

    def revoke(self, encoded_or_id: str) -> bool:
        """Invalidate a key; whether there was one."""
        key = self.keys.get(encoded_or_id) or self._by_header(encoded_or_id)
        if key is None or key.invalidated:
            return False
        key.invalidated = True
        return True

    def known(self, authorization: str | None) -> Principal | None:
        """Who an ``Authorization`` header names, if the credentials are right."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "apikey":
            key = self._by_header(value.strip())
            return None if key is None or key.invalidated else key
        if scheme.lower() == "basic":
            name, _, password = _decoded(value).partition(":")
            user = self.users.get(name)
            return user if user is not None and user.password == password else None
        return None

    def _by_header(self, encoded: str) -> Principal | None:
        key_id, _, secret = _decoded(encoded).partition(":")
        key = self.keys.get(key_id)
        return key if key is not None and key.password == secret else None


_INDICES: list[dict[str, Any]] = [
    {"names": ["*"], "privileges": ["read", "view_index_metadata"]},
    {
        "names": [".alerts-security.alerts-*", ".internal.alerts-security.alerts-*"],
        "privileges": ["write", "maintenance"],
    },
]
_ABOVE = {"maintenance": ("manage",), "view_index_metadata": ("manage",), "index": ("write",)}
"""Of an index privilege: which others have it within."""


def _application(features: tuple[str, ...], spaces: tuple[str, ...]) -> dict[str, Any]:
    return {
        "application": privileges.APPLICATION,
        "privileges": list(features),
        "resources": ["*" if space == "*" else f"space:{space}" for space in spaces],
    }


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
