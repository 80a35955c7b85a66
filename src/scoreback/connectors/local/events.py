"""Reads the events of streams: pruned by the ledger, ordered by DuckDB, in bounded memory."""

import difflib
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from scoreback.connectors.doors import BATCH_ROWS, Slice
from scoreback.connectors.local.selection_keys import KEYS
from scoreback.connectors.local.storage.compaction import kept_while_read
from scoreback.connectors.local.storage.engine import batches, engine, parquet
from scoreback.connectors.local.storage.later_values import fields_with_values, values_of
from scoreback.connectors.local.storage.segments import Segment, listed
from scoreback.connectors.local.storage.store import Store
from scoreback.errors import SiemRefused
from scoreback.records import EventBatch, EventQuery, TimeWindow
from scoreback.sql import identifier, literal
from scoreback.times import micros, moment

# About how many events are ordered at a time; this bounds the memory of a read.
CHUNK_ROWS = 50_000
CHUNK_CELLS = 2_500_000


class Events:
    """The door to events."""

    def __init__(self, store: Store) -> None:
        """Read from *store*."""
        self._store = store

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices with about equally many events."""
        if parts < 1:
            raise SiemRefused(f"cannot cut a window into {parts} parts", hint="ask for 1 or more")
        found = self.selected(query.selection)
        since, until = micros(window.since), micros(window.until)
        cuts = _quantiles(found, since, until, parts)
        return [
            Slice(
                query=query,
                window=TimeWindow(since=moment(a), until=moment(b)),
                part=part,
                parts=parts,
            )
            for part, (a, b) in enumerate(pairwise(cuts))
        ]

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (arrival_time, event_id)."""
        fields = tuple(dict.fromkeys(piece.query.fields))
        with kept_while_read(self._store):
            yield from self._read(piece, fields)

    def _read(self, piece: Slice, fields: Sequence[str]) -> Iterator[EventBatch]:
        found = self.selected(piece.query.selection)
        since, until = micros(piece.window.since), micros(piece.window.until)
        rows = sum(s.rows * _share(s, since, until) for s in found)
        chunk = min(CHUNK_ROWS, max(1, CHUNK_CELLS // (len(fields) + 4)))
        cuts = _quantiles(found, since, until, max(1, round(rows / chunk)))
        with engine(self._store.staging) as connection:
            for a, b in pairwise(cuts):
                inside = [s for s in found if _share(s, a, b)]
                if inside:
                    relation = connection.sql(self._ordered(inside, fields, a, b))
                    for table in batches(relation, BATCH_ROWS):
                        yield EventBatch(table.combine_chunks().to_batches()[0])

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Sorted names of the fields that events of *selection* have."""
        found = self.selected(selection)
        with self._store.ledger.reading() as connection:
            later = fields_with_values(connection, {segment.stream for segment in found})
        return tuple(sorted({*fields_of(found), *later}))

    def later_values(self, selection: Mapping[str, object], fields: Sequence[str]) -> pa.Table:
        """Values of *fields* that later loads gave to events of *selection*, in order of time."""
        streams = {segment.stream for segment in self.selected(selection)}
        with self._store.ledger.reading() as connection:
            return values_of(connection, streams, fields)

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        """Refuse a *selection* that names no streams, or has other keys."""
        patterns_of(selection)

    def count(self, query: EventQuery, window: TimeWindow) -> int:
        """The number of events of *query* in *window*; opens only the segments at its bounds."""
        since, until = micros(window.since), micros(window.until)
        total, cut = 0, []
        for segment in self.selected(query.selection):
            first, last = (segment.min_arrival, segment.max_arrival)
            if since <= first and last < until:
                total += segment.rows
            elif first < until and since <= last:
                cut.append(segment)
        if not cut:
            return total
        with engine(self._store.staging) as connection:
            counted = connection.sql(
                "SELECT count(*) "  # noqa: S608 - paths are ours and quoted
                f"FROM {parquet(self._store.segments.intact(s) for s in cut)} "
                f"WHERE arrival_time >= make_timestamptz({since}) "
                f"AND arrival_time < make_timestamptz({until})"
            ).fetchall()
        return total + int(counted[0][0])

    def selected(self, selection: Mapping[str, object]) -> list[Segment]:
        """The segments of the streams that *selection* names.

        Raises:
            SiemRefused: the selection is not valid, or names a stream that does not exist.
        """
        streams = self._streams(selection)
        with self._store.ledger.reading() as connection:
            return listed(connection, "events", streams)

    def _streams(self, selection: Mapping[str, object]) -> list[str]:
        patterns = patterns_of(selection)
        there = self._store.streams()
        chosen: set[str] = set()
        for pattern in patterns:
            matching = fnmatch.filter(there, pattern)
            if not matching:
                names = ", ".join(there) or "none; load an export first"
                raise SiemRefused(
                    f"no stream is called {pattern!r}", hint=f"streams that exist: {names}"
                )
            chosen.update(matching)
        return sorted(chosen)

    def _ordered(
        self, found: Sequence[Segment], fields: Sequence[str], since: int, until: int
    ) -> str:
        """SQL for the fields of the events of *found* between two times, in order."""
        by_stream: dict[str, list[Segment]] = {}
        for segment in found:
            by_stream.setdefault(segment.stream, []).append(segment)
        selects = [
            f"SELECT event_id, {literal(stream)} AS event_ref, event_time, arrival_time"  # noqa: S608
            f"{_columns(inside, fields)} "
            f"FROM {parquet(self._store.segments.intact(s) for s in inside)} "
            f"WHERE arrival_time >= make_timestamptz({since}) "
            f"AND arrival_time < make_timestamptz({until})"
            for stream, inside in by_stream.items()
        ]
        return " UNION ALL ".join(selects) + " ORDER BY arrival_time, event_id, event_ref"


def patterns_of(selection: Mapping[str, object]) -> list[str]:
    """The stream names in *selection*, each of which may contain ``*``."""
    unknown = sorted(set(selection) - set(KEYS))
    if unknown or "stream" not in selection:
        wrong = f"has no key {unknown[0]!r}" if unknown else "needs the key 'stream'"
        raise SiemRefused(
            f"a selection of the embedded SIEM {wrong}", hint="write local: {stream: NAME}"
        )
    asked = selection["stream"]
    patterns = [asked] if isinstance(asked, str) else asked
    if not isinstance(patterns, list | tuple) or not patterns:
        raise SiemRefused(
            f"stream is {asked!r}, not a name or a list of names",
            hint="write local: {stream: NAME}; in a name, * stands for any characters",
        )
    return [str(pattern) for pattern in patterns]


def require_fields(found: Sequence[Segment], fields: Sequence[str]) -> None:
    """Refuse *fields* that no event of *found* has; the hint lists fields with similar names.

    Raises:
        SiemRefused: at least one field is missing.
    """
    there = fields_of(found)
    for name in fields:
        if name not in there:
            close = difflib.get_close_matches(name, there, n=3) or sorted(there)[:10]
            raise SiemRefused(
                f"no event of the selection has the field {name!r}",
                hint=f"fields that exist: {', '.join(close) or 'none'}",
            )


def fields_of(found: Sequence[Segment]) -> set[str]:
    """Fields with a value in at least one event of *found*."""
    keys = {"event_id", "event_time", "arrival_time"}
    return {name for segment in found for name in segment.columns} - keys


def _columns(inside: Sequence[Segment], fields: Sequence[str]) -> str:
    there = fields_of(inside)
    return "".join(
        f", {identifier(n)}" if n in there else f", NULL::VARCHAR AS {identifier(n)}"
        for n in fields
    )


def _share(segment: Segment, since: int, until: int) -> float:
    """The share of the segment in ``[since, until)``, as if its events were evenly spread."""
    first, last = segment.min_arrival, segment.max_arrival
    inside = min(until, last + 1) - max(since, first)
    return max(0, inside) / (last + 1 - first)


def _quantiles(found: Sequence[Segment], since: int, until: int, parts: int) -> list[int]:
    """Ascending cuts between *since* and *until* with about equally many events between them.

    The ledger knows each segment's first time, last time and row count. Between those times, events
    count as evenly spread, so no file is opened to cut a window.
    """
    steps: dict[int, float] = {since: 0.0, until: 0.0}  # time → change in events per microsecond
    for segment in found:
        first, last = segment.min_arrival, segment.max_arrival
        a, b = max(since, first), min(until, last + 1)
        if a < b:
            rate = segment.rows / (last + 1 - first)
            steps[a] = steps.get(a, 0.0) + rate
            steps[b] = steps.get(b, 0.0) - rate
    times = np.array(sorted(steps), dtype=np.float64)
    rates = np.cumsum([steps[t] for t in sorted(steps)])[:-1]
    counted = np.concatenate([[0.0], np.cumsum(np.maximum(rates, 0.0) * np.diff(times))])
    if not counted[-1]:
        counted = times - times[0]
    inner = np.interp(np.linspace(0, counted[-1], parts + 1)[1:-1], counted, times)
    cuts = [min(max(round(cut), since), until) for cut in inner.tolist()]
    return [since, *cuts, until]
