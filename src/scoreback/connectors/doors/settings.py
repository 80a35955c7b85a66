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
    value: str | None  # None: the file's own value again
    author: str
    at: datetime


@runtime_checkable
class SettingsDoor(Protocol):
    """Reads overrides that were made in the SIEM."""

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield the overrides made at or after *since*, oldest first."""
        ...
