"""Reads a sample of events, spread over their whole history, and drafts a detector file from it."""

from collections import Counter
from collections.abc import Mapping, Sequence
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
_PIECES = 64  # places of the history that are looked at
_COUNTED_PIECES = 256  # of about `_PIECE` events, where the SIEM can count
_PIECE = 2_000
_KEPT = 1_000  # events of a piece, at most; where pieces are few,
_MORE = 4  # as many times what is asked for, so that full pieces make up for empty ones
_AGAIN = 8  # into how many a piece is cut that holds more than one batch
_COUNTED = 2_000_000  # events, up to which the values of one field are counted in all of them
_MOST_PIECES = 10_000  # that a history is cut into
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)


def draft_detector(
    app: App, name: str, selection: Mapping[str, str], now: datetime, sample: int = SAMPLE
) -> Draft:
    """Draft the detector *name* from up to *sample* events of *selection*, of all their history.

    Raises:
        DataError: nothing is selected.
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
            f"no event is selected by {dict(selection)}",
            hint="name a stream that holds events, for example --select stream=alerts",
        )
    names = [f for f in fields if pa.types.is_string(table.schema.field(f).type)]
    return draft(
        name, app.settings.connector, selection, table, names, now=now, events=events,
        values_of=lambda field: _values(app, selection, field, window, events),
    )  # fmt: skip


def _values(
    app: App, selection: Mapping[str, str], field: str, window: TimeWindow, events: int | None
) -> Mapping[str, int] | None:
    """How often each value of *field* is there; None where that is too much to read."""
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
    """Up to *most* events of *query*, evenly from all of *window*, in order of arrival.

    Pieces all over the history are read, each in whole or, where it holds more than a batch, cut
    again; so nothing depends on how evenly events lie in time. Of *events* in all, if that is
    known, no more pieces are made than needed.
    """
    parts = _PIECES if events is None else min(max(events // _PIECE, 1), _MOST_PIECES)
    looked_at = _PIECES if events is None else _COUNTED_PIECES
    found: list[pa.Table] = []
    for piece in _spread(door.slices(query, window, parts), looked_at):
        found += _read(door, piece, max(_KEPT, _MORE * most // parts), _AGAIN)
    found = [table for table in found if table.num_rows]
    if not found:
        return pa.table({name: pa.array([], pa.string()) for name in query.fields})
    share = _level([table.num_rows for table in found], most)
    return together([_thinned(table, share) for table in found])


def _read(door: EventsDoor, piece: Slice, most: int, again: int) -> list[pa.Table]:
    """Up to *most* events of *piece*; of more than a batch, first batches from all over it."""
    batches = iter(door.read(piece))
    first = next(batches, None)
    if first is None:
        return []
    if again and next(batches, None) is not None:
        cut = door.slices(piece.query, piece.window, again)
        return [part for inner in cut for part in _read(door, inner, -(-most // again), 0)]
    return [_thinned(pa.Table.from_batches([first.batch]), most)]


def _level(sizes: Sequence[int], most: int) -> int:
    """The size that all larger ones are thinned to, so that together they are *most* or less."""
    ascending = sorted(sizes)
    for i, size in enumerate(ascending):
        left = most - sum(ascending[:i])
        if size * (len(ascending) - i) > left:
            return max(left // (len(ascending) - i), 1)
    return ascending[-1]


def _thinned(table: pa.Table, rows: int) -> pa.Table:
    """*rows* rows of *table* or fewer, evenly from all of it."""
    if table.num_rows <= rows:
        return table
    places = np.linspace(0, table.num_rows - 1, rows).round().astype(np.int64)
    return table.take(pa.array(places))


def _spread(pieces: Sequence[Slice], most: int) -> list[Slice]:
    """*most* of *pieces* or fewer, evenly from all of them, first and last among them."""
    if len(pieces) <= most:
        return list(pieces)
    return [pieces[i] for i in np.linspace(0, len(pieces) - 1, most).round().astype(int).tolist()]
