"""The door to settings: what an admin changed in the SIEM's own pages."""

from collections.abc import Iterator
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
