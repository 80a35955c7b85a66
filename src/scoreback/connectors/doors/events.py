"""The door to events: a selection cut into slices, each read in bounded batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from scoreback.records import EventBatch, EventQuery, TimeWindow

BATCH_ROWS = 20_000  # rows in one EventBatch at most: enough for vector work, small in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a query that can be read apart, on any machine; picklable."""

    query: EventQuery
    window: TimeWindow
    part: int = 0
    parts: int = 1


@runtime_checkable
class EventsDoor(Protocol):
    """Reads events of a selection."""

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        """Refuse a *selection* that is not written in this SIEM's words; asks no server.

        A selection only selects: pipes, scripts and commands with effects are refused here.

        Raises:
            SiemRefused: says which part is not understood, and how a selection is written.
        """
        ...

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices that together give every event once.

        Slices are cut by arrival time and come in its order.

        Raises:
            SiemRefused: the selection is not understood. A SIEM that knows its streams may also
                refuse one that does not exist; another gives no events for it.
        """
        ...

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Names of the fields that events of *selection* have, sorted; none without events.

        Raises:
            SiemRefused: the SIEM does not understand the selection.
        """
        ...

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (arrival_time, event_id), each id once.

        Each batch has at most `BATCH_ROWS` rows and exactly the query's fields, as text or, of
        those in ``query.numbers``, as float64 where every value is a number. A field that an event
        lacks is null, and so is one that no event has: that is a finding of `Connector.check`.
        ``event_time`` is never after ``arrival_time``. Reading again gives the same events; what
        arrives later has a later arrival time, once ``facts.settle`` has passed.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
            SiemRefused: the query was refused.
        """
        ...


@runtime_checkable
class LaterValues(Protocol):
    """Tells what came to be known of events after they were stored: of doors that can.

    The events themselves never change.
    """

    def later_values(self, selection: Mapping[str, object], fields: Sequence[str]) -> pa.Table:
        """Values of *fields* that events of *selection* got since they were stored.

        ``event_id``, ``known_at`` (when it came to be known) and a column of text for each field,
        null where nothing was told of it then; in order of time. Rows are added and never change.

        Raises:
            SiemRefused: the selection is not understood.
        """
        ...


@runtime_checkable
class CountsEvents(Protocol):
    """Counts events without reading them: of doors to events that can."""

    def count(self, query: EventQuery, window: TimeWindow) -> int:
        """How many events of *query* arrived in *window*, exactly.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: the selection is not understood.
        """
        ...
