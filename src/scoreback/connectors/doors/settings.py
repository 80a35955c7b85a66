"""The door to settings: what an admin changed in the SIEM's own pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A dated change of one key of one detector's file."""

    detector: str
    key: str  # dotted, as in the file: alerts.budget
    value: str | None  # as the file writes it; None: the file's own value again
    author: str
    at: datetime
    reason: str = ""


@runtime_checkable
class SettingsDoor(Protocol):
    """Reads overrides that were made in the SIEM.

    What they say is not trusted: the service refuses a key that a file locks, or a value that it
    could not have.
    """

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield the overrides made at or after *since*, oldest first.

        Reading the same ones again changes nothing.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was in force stays so.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting as it stands in a store of the SIEM, whoever wrote it there last."""

    name: str  # of the document, in the store's own words
    revision: str  # another one after each write
    detector: str
    key: str
    value: str | None
    author: str
    at: datetime | None  # None: not given, or not a time
    reason: str
    noted: Override | None = None  # what a service wrote there; a person's hand leaves it as it was
    stands: str = ""  # what a service said of it
    spare: bool = False  # a document of another name than the one that the service keeps
    wrong: str = ""  # why it cannot be read as a setting

    @property
    def by_hand(self) -> bool:
        """Whether a person wrote it, or changed it, since a service looked at it."""
        return self.noted is None or self.noted != Override(
            detector=self.detector,
            key=self.key,
            value=self.value,
            author=self.author,
            at=self.at or self.noted.at,
            reason=self.reason,
        )


@runtime_checkable
class SettingsStore(SettingsDoor, Protocol):
    """A settings door that also keeps what the service changed, where people see and edit it.

    Each detector's key has one document. A person may change it, remove it, or add one under any
    name; the service takes that over as a dated override, and writes the document anew.
    """

    @property
    def writable(self) -> bool:
        """Whether the service writes there at all; else it only reads."""
        ...

    def identity(self) -> str:
        """Names the store: another one after it was removed and made anew; empty: it is not there.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: a right is missing.
        """
        ...

    def entries(self) -> Sequence[Entry]:
        """All that stands there, by detector, key and name; none where there is no store.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: a right is missing, or there is more than anybody could have set.
        """
        ...

    def entry(self, detector: str, key: str) -> Entry | None:
        """The document that the service keeps for that key, as it is at this moment."""
        ...

    def keep(self, override: Override, over: Entry | None, *, stands: str) -> bool:
        """Write *override* as the document of its key.

        Args:
            override: what is to stand there.
            over: the document as it was read; None: there is none.
            stands: what is said of it.

        Returns:
            Whether it was written; not where somebody else wrote meanwhile.
        """
        ...

    def tell(self, entry: Entry, stands: str) -> bool:
        """Say of *entry* what stands, and leave the rest; whether nobody wrote meanwhile."""
        ...

    def drop(self, entry: Entry) -> bool:
        """Remove a spare *entry*; whether nobody wrote it meanwhile."""
        ...
