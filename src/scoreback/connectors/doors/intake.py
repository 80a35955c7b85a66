"""The doors by which events come in: for the embedded SIEM, for the demo and for tests.

A real SIEM gets its events by its own means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from scoreback.connectors.doors.stored import ReadSoFar, StoredStream, Unloaded
from scoreback.records import EventBatch, LabelBatch, WriteReport

Progress = Callable[[int, int], None]  # bytes read of the file, bytes in all


@runtime_checkable
class IntakeDoor(Protocol):
    """Takes events and verdicts in."""

    def selection(self, stream: str) -> Mapping[str, object]:
        """What selects the events that were added to *stream*."""
        ...

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add *events* to *stream*, each id once."""
        ...

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere, each once."""
        ...


@dataclass(slots=True)
class Rejected:
    """Rows that were rejected for one reason."""

    count: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)  # line, beginning of the row


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMapping:
    """Which columns of the export mean what."""

    time: str = "@timestamp"  # when it happened
    id: str | None = None  # without it, a hash of the row and its number among equal rows
    arrival: str | None = None  # when the SIEM had it; without it, see `ExportsDoor.load`
    fields: Mapping[str, str] | None = None  # field → column; without it, all but the times
    time_format: str | None = None  # how times are written, as strptime has it; else as usual
    timezone: str | None = None  # that times without an offset are in; without it, UTC
    strip: str | None = None  # what each event is wrapped in, such as _source; dots go inwards
    labels: tuple[str, ...] = ()  # fields that hold labels; without any, those that look so


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUpdate:
    """Labels in one field that a load brought to events that were there already."""

    new: int  # events that had none
    changed: int  # events that had another one


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What became of an export's rows: ``loaded + already_there + repeated + rejected``."""

    rows: int
    loaded: int
    already_there: int
    repeated: int  # an earlier row of the file has the same id; the first one counts
    rejected: int
    reasons: Mapping[str, Rejected]  # reason → how many rows, with examples
    rejects: Path | None  # file that keeps the rejected rows
    time_formats: Mapping[str, int]  # format → times written so
    without_offset: int  # times without an offset, taken as UTC or as the mapping's zone
    clamped: int  # events that claim to have happened after they arrived
    behind: int = 0  # new events that arrived in what scoring had read
    orders: Mapping[str, str] = field(default_factory=dict)  # column of dates → which way read
    labels: Mapping[str, LabelUpdate] = field(default_factory=dict)  # by field
    other_values: Mapping[str, int] = field(default_factory=dict)  # field → events that differ in
    # it from what is stored, and stay as they were, as it holds no labels
    # A column that names events, and how many of those loaded it says were there under other ids.
    alike: tuple[str, int] | None = None
    time_form: str = ""  # how the times that were not read are likely written, as strptime has it
    id: str | None = None  # column of the ids; Elasticsearch's own where the export has them
    never_scored: bool = False  # whether those stay behind; else they count as arrived after it
    renamed: Mapping[str, str] = field(default_factory=dict)  # column → field, where case clashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Arrival times ``[since, until)`` that scoring has read, of the events of a selection."""

    selection: Mapping[str, object]
    since: datetime
    until: datetime


@runtime_checkable
class ExportsDoor(Protocol):
    """Takes files that another tool exported."""

    def load(
        self,
        path: Path,
        stream: str,
        mapping: LoadMapping,
        progress: Progress | None = None,
        scored: Callable[[], Iterable[Scored]] = tuple,
        at: datetime | None = None,
    ) -> LoadReport:
        """Load the export at *path* into *stream*: all of it or nothing, and twice is once.

        Events never change. Labels that the export has and events of the stream lack, or have
        otherwise, are kept beside the events, as known since *at*, the clock; without it they are
        left out. The doors to events of such a SIEM are `LaterValues`.

        *scored* is asked, once all rows are ready, which arrival times scoring has read by then.
        Without a column of arrival times, events that would have arrived there arrive after it.

        Raises:
            ConfigError: no such file, or a column of *mapping* is not in the file.
            DataError: the file as a whole cannot be used; nothing was loaded.
            SiemUnavailable: the disk is full, or another process keeps the stream busy.
        """
        ...

    def streams(self) -> Sequence[StoredStream]:
        """What was loaded, by stream: rows, times, exports, fields with an example each.

        Raises:
            SiemRefused: the SIEM's own files are damaged.
        """
        ...

    def unload(
        self, stream: str, exports: Sequence[str], read: Callable[[], Iterable[ReadSoFar]] = tuple
    ) -> Unloaded:
        """Take the events of *exports* out of *stream*: all of them, or nothing.

        An export is named by its file, its name or the beginning of its checksum. *read* is asked,
        once nobody else can load, which detectors have read how far: events that one of them has
        read stay.

        Raises:
            ConfigError: a stream may not be called so.
            SiemRefused: no such stream or export, or something depends on its events.
            SiemUnavailable: another process keeps the stream busy.
        """
        ...
