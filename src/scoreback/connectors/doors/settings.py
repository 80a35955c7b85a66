"""The settings door: what an admin changed on the SIEM's own pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A dated change to one key of one detector's file."""

    detector: str
    key: str  # dotted, as in the file: alerts.budget
    value: str | None  # as written in the file; None: back to the file's own value
    author: str
    at: datetime
    reason: str = ""


@runtime_checkable
class SettingsDoor(Protocol):
    """Reads overrides that people made in the SIEM.

    Overrides are not trusted: the service refuses a key that the file locks, and an invalid value.
    """

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield the overrides made at or after *since*, oldest first.

        Reading the same overrides again changes nothing.

        Raises:
            SiemUnavailable: the SIEM did not answer; the settings in force stay.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting as a store in the SIEM has it, whoever wrote it last."""

    name: str  # id of the document, as the store names it
    revision: str  # changes with each write
    detector: str
    key: str
    value: str | None
    author: str
    at: datetime | None  # None: missing, or not a valid time
    reason: str
    noted: Override | None = None  # what a service wrote there; a person's edit leaves it unchanged
    stands: str = ""  # what a service said about it
    spare: bool = False  # whether the document has another name than the one that the service keeps
    wrong: str = ""  # why it is not a valid setting

    @property
    def by_hand(self) -> bool:
        """Whether a person wrote or changed it since a service last read it."""
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
    """A settings door that also stores the service's changes where people can see and edit them.

    Each key of a detector has one document. A person may change or remove it, or add one under any
    name; the service takes that over as a dated override and rewrites the document.
    """

    @property
    def writable(self) -> bool:
        """Whether the service may write there; otherwise it only reads."""
        ...

    def identity(self) -> str:
        """The store's identity, which changes if it is recreated; empty if there is no store.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: a permission is missing.
        """
        ...

    def entries(self) -> Sequence[Entry]:
        """All entries by detector, key and name; empty if there is no store.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: a permission is missing, or there are more entries than people could have
                set.
        """
        ...

    def entry(self, detector: str, key: str) -> Entry | None:
        """The document that the service keeps for this key, as it is now."""
        ...

    def keep(self, override: Override, over: Entry | None, *, stands: str) -> bool:
        """Write *override* as the document of its key.

        Args:
            override: the new content.
            over: the document as it was read; None: it does not exist.
            stands: what the document says about it.

        Returns:
            Whether it was written; False if somebody else wrote meanwhile.
        """
        ...

    def tell(self, entry: Entry, stands: str) -> bool:
        """Write *stands* into *entry* and keep the rest; False if somebody wrote meanwhile."""
        ...

    def drop(self, entry: Entry) -> bool:
        """Remove a surplus *entry*; False if somebody wrote it meanwhile."""
        ...
