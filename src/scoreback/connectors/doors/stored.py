"""The content of the embedded SIEM: its streams, their fields and their exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredField:
    """A field in the events of a stream."""

    name: str
    filled: int  # number of events with a value
    example: str  # one of the values, as people read it


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExport:
    """An export that events of a stream were loaded from."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStream:
    """A stream and its content; times are the first and the last."""

    name: str
    rows: int
    event_times: tuple[datetime, datetime]
    arrival_times: tuple[datetime, datetime]
    exports: tuple[StoredExport, ...]  # by name; events that a program added have none
    fields: tuple[StoredField, ...]  # by name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSoFar:
    """A detector that has read all events of a selection that arrived before *until*."""

    detector: str
    selection: Mapping[str, object]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unloaded:
    """What an unload removed from a stream."""

    exports: Sequence[StoredExport]
    rows: int
    left: int  # events that stay in the stream
