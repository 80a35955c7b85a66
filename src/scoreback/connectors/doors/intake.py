"""The doors that bring events in: for the embedded SIEM, the demo and tests.

Other SIEMs get their events by their own means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from scoreback.connectors.doors.stored import ReadSoFar, StoredStream, Unloaded
from scoreback.records import EventBatch, LabelBatch, WriteReport

Progress = Callable[[int, int], None]  # bytes of the file read so far, total bytes


@runtime_checkable
class IntakeDoor(Protocol):
    """Adds events and verdicts."""

    def selection(self, stream: str) -> Mapping[str, object]:
        """The selection of the events that were added to *stream*."""
        ...

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add *events* to *stream*; each id is stored once."""
        ...

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere; each is stored once."""
        ...


class Fault(StrEnum):
    """What a rejected row suffers from: each kind has a remedy of its own."""

    TIME = "time"  # its time is missing or cannot be read
    ID = "id"  # its id is missing
    TABLE = "table"  # its columns are not those of the header
    ENCODING = "encoding"  # its bytes are not UTF-8
    WRAPPER = "wrapper"  # the event is not inside the object that `LoadMapping.strip` names
    OTHER = "other"


@dataclass(slots=True)
class Rejected:
    """Rows that were rejected for one reason."""

    fault: Fault = Fault.OTHER
    count: int = 0
    # line number, beginning of the row
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMapping:
    """Which columns of the export mean what."""

    time: str = "@timestamp"  # when the event happened
    id: str | None = None  # without it: a hash of the row, and its number among equal rows
    arrival: str | None = None  # when the SIEM received it; without it: see `ExportsDoor.load`
    fields: Mapping[str, str] | None = None  # field → column; without it: all columns but the times
    # format of the times, as in strptime; without it: common formats
    time_format: str | None = None
    timezone: str | None = None  # time zone of times without an offset; without it: UTC
    strip: str | None = None  # the objects around each event, such as _source; dots separate levels
    labels: tuple[str, ...] = ()  # fields that hold labels; without them, they are guessed


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUpdate:
    """Labels in one field that a load added to stored events."""

    new: int  # events without a label before
    changed: int  # events with a different label before


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What happened to an export's rows: ``loaded + already_there + repeated + rejected``."""

    rows: int
    loaded: int
    already_there: int
    repeated: int  # an earlier row of the file has the same id and was loaded
    rejected: int
    reasons: Mapping[str, Rejected]  # reason → number of rows, with examples
    rejects: Path | None  # the file that keeps the rejected rows
    time_formats: Mapping[str, int]  # format → number of times written in it
    without_offset: int  # times without an offset, read as UTC or in the mapping's zone
    clamped: int  # events with a time after their arrival
    behind: int = 0  # new events whose arrival time scoring had already read
    # column of dates → order in which they were read
    orders: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, LabelUpdate] = field(default_factory=dict)  # by field
    other_values: Mapping[str, int] = field(default_factory=dict)  # field → events that differ in
    # it from what is stored, and stay as they were, as it holds no labels
    # A column that names events, and how many of those loaded it says were there under other ids.
    alike: tuple[str, int] | None = None
    time_form: str = ""  # how the times that were not read are likely written, as strptime has it
    id: str | None = None  # the id column; Elasticsearch's own where the export has it
    # whether those keep their arrival time; otherwise they count as arrived after it
    never_scored: bool = False
    # column → field, where names differed only in case
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Arrival times ``[since, until)`` that scoring has read for the events of a selection."""

    selection: Mapping[str, object]
    since: datetime
    until: datetime


@runtime_checkable
class ExportsDoor(Protocol):
    """Loads files that another tool exported."""

    def load(
        self,
        path: Path,
        stream: str,
        mapping: LoadMapping,
        progress: Progress | None = None,
        scored: Callable[[], Iterable[Scored]] = tuple,
        at: datetime | None = None,
    ) -> LoadReport:
        """Load the export at *path* into *stream*: all or nothing; loading again adds nothing.

        Events never change. Where the export has labels that stored events lack or have
        differently, the new labels are stored beside the events, as known since *at*, the current
        time; without *at* they are left out. The events door of such a SIEM is a `LaterValues`.

        *scored* is called once all rows are ready; it returns the arrival times that scoring has
        read by then. In an export without a column of arrival times, events that would have arrived
        in them count as arrived after them.

        Raises:
            ConfigError: the file does not exist, or lacks a column of *mapping*.
            DataError: the file as a whole cannot be used; nothing was loaded.
            SiemUnavailable: the disk is full, or another process keeps the stream busy.
        """
        ...

    def streams(self) -> Sequence[StoredStream]:
        """What each stream holds: rows, times, exports, and fields with an example each.

        Raises:
            SiemRefused: the SIEM's own files are damaged.
        """
        ...

    def unload(
        self, stream: str, exports: Sequence[str], read: Callable[[], Iterable[ReadSoFar]] = tuple
    ) -> Unloaded:
        """Remove the events of *exports* from *stream*: all of them, or nothing.

        An export is named by its path, its name or a prefix of its checksum. *read* is called once
        nobody else can load; it returns which detectors have read how far. Events that a detector
        has read stay.

        Raises:
            ConfigError: the stream's name is not valid.
            SiemRefused: the stream or export does not exist, or something depends on its events.
            SiemUnavailable: another process keeps the stream busy.
        """
        ...
