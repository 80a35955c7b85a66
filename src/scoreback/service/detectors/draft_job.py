"""Drafts a detector file from a sample of events, spread over their whole history."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import together
from scoreback.connectors.doors import EventsDoor, Slice
from scoreback.connectors.doors.events import CountsEvents
from scoreback.errors import DataError
from scoreback.models.detector.draft import Draft, draft
from scoreback.multivalue import unfolded
from scoreback.records import EventQuery, TimeWindow
from scoreback.service.app import App

SAMPLE = 20_000  # events
_PIECES = 64  # places in the history that are read
_COUNTED_PIECES = 256  # of about `_PIECE` events, where the SIEM can count
_PIECE = 2_000
_HELD = 4  # times the events asked for are held while pieces are read
_AT_LEAST = 5  # events kept of each place, even of a quiet one
_AGAIN = 8  # parts that a piece is cut into if it holds more than one batch
_COUNTED = 2_000_000  # up to so many events, the values of one field are counted in all of them
_MOST_PIECES = 10_000  # at most, that a history is cut into
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)


def draft_detector(
    app: App, name: str, selection: Mapping[str, str], now: datetime, sample: int = SAMPLE
) -> Draft:
    """Draft the detector *name* from up to *sample* events of *selection*, from all their history.

    Raises:
        DataError: the selection has no events.
        SiemRefused: the SIEM does not know the selection.
    """
    door = app.connector.events
    fields = door.fields(selection)
    query = EventQuery(selection=selection, fields=fields)
    window = TimeWindow(since=_BEGIN, until=now + timedelta(days=1))
    events = door.count(query, window) if isinstance(door, CountsEvents) else None
    table = sampled(door, query, window, sample, events)
    if not table.num_rows:
        raise DataError(
            f"{dict(selection)} selects no events",
            hint="name a stream that has events, for example --select stream=alerts",
        )
    names = [f for f in fields if pa.types.is_string(table.schema.field(f).type)]
    return draft(
        name, app.settings.connector, selection, table, names, now=now, events=events,
        values_of=lambda field: _values(app, selection, field, window, events),
    )  # fmt: skip


def _values(
    app: App, selection: Mapping[str, str], field: str, window: TimeWindow, events: int | None
) -> Mapping[str, int] | None:
    """How often each value of *field* occurs; None where counting would read too much."""
    if events is None or events > _COUNTED:
        return None
    door, found = app.connector.events, Counter[str]()
    for piece in door.slices(EventQuery(selection=selection, fields=(field,)), window):
        for batch in door.read(piece):
            _, texts = unfolded(batch.batch.column(field))
            for item in pc.value_counts(texts).to_pylist():
                if item["values"]:
                    found[item["values"]] += item["counts"]
    return found


def sampled(
    door: EventsDoor, query: EventQuery, window: TimeWindow, most: int, events: int | None = None
) -> pa.Table:
    """About *most* events of *query*, by arrival, in proportion to how many lie at each time.

    Pieces from all over the history are read, each in whole or, where it holds more than one batch,
    cut again; so nothing depends on how evenly events lie in time. Where the number of *events* is
    known, no more pieces are made than needed.
    """
    parts = _PIECES if events is None else min(max(events // _PIECE, 1), _MOST_PIECES)
    looked_at = _PIECES if events is None else _COUNTED_PIECES
    found: list[_Part] = []
    every = 1  # in each place, one of so many events is kept
    for piece in _spread(door.slices(query, window, parts), looked_at):
        found += [part.thinned(1 / every) for part in _read(door, piece, _AGAIN)]
        while sum(part.kept.num_rows for part in found) > _HELD * most:
            every *= 2
            found = [part.thinned(1 / every) for part in found]
    if not found:
        return pa.table({name: pa.array([], pa.string()) for name in query.fields})
    share = min(1.0, most / sum(part.rows for part in found))
    return together([part.thinned(share).kept for part in found])


@dataclass(frozen=True, slots=True)
class _Part:
    """What was read in one place: the number of events, and an even sample of them."""

    rows: int
    kept: pa.Table

    def thinned(self, share: float) -> "_Part":
        """The same, thinned to *share* of the events that were read, but never below a few."""
        rows = max(math.floor(share * self.rows), min(self.rows, _AT_LEAST))
        return _Part(self.rows, _thinned(self.kept, rows))


def _read(door: EventsDoor, piece: Slice, again: int) -> list[_Part]:
    """The events of *piece*; if it holds more than one batch, the first batches of parts of it."""
    batches = iter(door.read(piece))
    first = next(batches, None)
    if first is None:
        return []
    if again and next(batches, None) is not None:
        cut = door.slices(piece.query, piece.window, again)
        return [part for inner in cut for part in _read(door, inner, 0)]
    return [_Part(first.num_rows, pa.Table.from_batches([first.batch]))]


def _thinned(table: pa.Table, rows: int) -> pa.Table:
    """At most *rows* rows of *table*, spread evenly over it."""
    if table.num_rows <= rows:
        return table
    places = np.linspace(0, table.num_rows - 1, rows).round().astype(np.int64)
    return table.take(pa.array(places))


def _spread(pieces: Sequence[Slice], most: int) -> list[Slice]:
    """At most *most* of *pieces*, spread evenly, the first and the last among them."""
    if len(pieces) <= most:
        return list(pieces)
    return [pieces[i] for i in np.linspace(0, len(pieces) - 1, most).round().astype(int).tolist()]
