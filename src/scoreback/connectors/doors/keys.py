"""What a connector says about the keys that a connection should have, before there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNeeds:
    """What one detector does in the SIEM, as far as rights go."""

    detector: str
    selection: Mapping[str, object]  # of its events, in the SIEM's words
    in_place: bool = False  # its scores are written onto the events themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A request that makes one key, as an admin can send it."""

    purpose: str  # a word for file names: install, run
    about: str  # where the key goes, a sentence for people
    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Who may make keys."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Admin(user={self.user!r})"


@runtime_checkable
class MakesKeys(Protocol):
    """A connector that knows the least rights of its keys; asked of the class, not of a connection.

    Nothing is opened: the key that would open it is yet to be made.
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
        """The keys of the connection called *name*, each with the least rights that suffice.

        Args:
            name: of the connection.
            settings: of its file.
            needs: what each detector does.
            version: of a part of the SIEM whose rights differ by version; asked for without it.
            expires: after how long the key of the service does, ``90d`` say; never without it.
            admin: whose credentials may ask for the version.

        Raises:
            ConfigError: a setting or the version is wrong, or the version cannot be found out.
            SiemRefused: a selection is wrong.
        """
        ...

    @classmethod
    def make_key(
        cls, name: str, settings: Mapping[str, object], request: KeyRequest, admin: Admin
    ) -> str:
        """Make the key of *request* as *admin*; the secret, as the connection's settings take it.

        Raises:
            SiemUnavailable: the SIEM did not answer; whether the key was made is not known.
            SiemRefused: it may not be made.
        """
        ...
