"""The events door: cuts a selection into slices and reads each in bounded batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from scoreback.records import EventBatch, EventQuery, TimeWindow

BATCH_ROWS = 20_000  # maximum rows of an EventBatch: enough for vectorised work, small in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a query that any machine can read independently; picklable."""

    query: EventQuery
    window: TimeWindow
    part: int = 0
    parts: int = 1


@runtime_checkable
class EventsDoor(Protocol):
    """Reads the events of a selection."""

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        """Refuse a *selection* that is not valid for this SIEM; sends no request.

        A selection can only select: pipes, scripts and commands with effects are refused here.

        Raises:
            SiemRefused: the message names the invalid part and how to write a selection.
        """
        ...

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices that together give every event once.

        Slices are cut by arrival time and ordered by it.

        Raises:
            SiemRefused: the selection is not valid. A SIEM that knows its streams may also refuse
                one that does not exist; other SIEMs return no events for it.
        """
        ...

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Sorted names of the fields that events of *selection* have; empty if there are no events.

        Raises:
            SiemRefused: the selection is not valid.
        """
        ...

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (arrival_time, event_id), each id once.

        Each batch has at most `BATCH_ROWS` rows and exactly the query's fields, as text or, for
        those in ``query.numbers``, as float64 where every value is a number. A field that an event
        lacks is null; so is a field that no event has, which `Connector.check` reports.
        ``event_time`` is never after ``arrival_time``. Reading again gives the same events: once
        ``facts.settle`` has passed, new events have a later arrival time.

        Raises:
            SiemUnavailable: the SIEM did not answer; events yielded so far are valid.
            SiemRefused: the query was refused.
        """
        ...


@runtime_checkable
class LaterValues(Protocol):
    """What an events door may also offer: values that became known after events were stored.

    The events themselves never change.
    """

    def later_values(self, selection: Mapping[str, object], fields: Sequence[str]) -> pa.Table:
        """Values that events of *selection* got for *fields* after they were stored.

        Columns: ``event_id``, ``known_at`` (when the value became known) and a text column for each
        field, null where nothing became known then; ordered by time. Rows are only added and never
        change.

        Raises:
            SiemRefused: the selection is not valid.
        """
        ...


@runtime_checkable
class CountsEvents(Protocol):
    """What an events door may also offer: counts of events without reading them."""

    def count(self, query: EventQuery, window: TimeWindow) -> int:
        """The exact number of events of *query* that arrived in *window*.

        Raises:
            SiemUnavailable: the SIEM did not answer.
            SiemRefused: the selection is not valid.
        """
        ...
