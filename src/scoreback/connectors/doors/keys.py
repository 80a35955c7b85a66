"""What a connector says about the API keys that a connection needs, before one exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNeeds:
    """What one detector does in the SIEM, as far as permissions go."""

    detector: str
    selection: Mapping[str, object]  # selection of its events, in the SIEM's words
    in_place: bool = False  # whether its scores are written onto the events themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A request that creates one key, as an admin can send it."""

    purpose: str  # a word for file names: install or run
    about: str  # a sentence for people that says where to store the key
    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The credentials of a person who may create keys."""

    user: str
    password: str

    def __repr__(self) -> str:
        """The representation without the password."""
        return f"Admin(user={self.user!r})"


@runtime_checkable
class MakesKeys(Protocol):
    """What a connector class offers if it knows the least permissions that its keys need.

    It is used on the class, without a connection: the key that would open one does not exist yet.
    """

    @classmethod
    def key_requests(
        cls,
        name: str,
        settings: Mapping[str, object],
        needs: Sequence[KeyNeeds],
        *,
        version: str | None = None,
        expires: str | None = None,
        admin: Admin | None = None,
    ) -> Sequence[KeyRequest]:
        """The keys of the connection called *name*, each with the least permissions that suffice.

        Args:
            name: the name of the connection.
            settings: the settings in its file.
            needs: what each detector does.
            version: the version of the part of the SIEM whose permissions differ by version;
                without it, the SIEM is asked.
            expires: how long the service's key is valid, such as ``90d``; without it, the key never
                expires.
            admin: credentials that may ask for the version.

        Raises:
            ConfigError: a setting or the version is wrong, or the version cannot be found out.
            SiemRefused: a selection is not valid.
        """
        ...

    @classmethod
    def make_key(
        cls, name: str, settings: Mapping[str, object], request: KeyRequest, admin: Admin
    ) -> str:
        """Create the key of *request* as *admin*; returns the secret for the connection's settings.

        Raises:
            SiemUnavailable: the SIEM did not answer; whether the key was made is not known.
            SiemRefused: *admin* may not create it.
        """
        ...
