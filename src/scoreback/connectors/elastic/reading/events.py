"""Reads events: cuts a window into chunks, reads each over a point in time, and sorts it.

Pages are ordered by ``_shard_doc``, the cheapest order for the server; a chunk is bounded, so
sorting it costs little and the next one is read meanwhile. After a failure, reading resumes from
the last complete chunk: no event is missing or repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import together
from scoreback.connectors.doors import BATCH_ROWS, Slice
from scoreback.connectors.elastic.reading.cuts import Clock, cut, quantiles
from scoreback.connectors.elastic.reading.fields import Mapped, mapped, no_date
from scoreback.connectors.elastic.reading.page_decoder import LOOKED_UP, HitDecoder, TimesUnclear
from scoreback.connectors.elastic.reading.pages import Page
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.point_in_time import Expired, PointInTime, point_in_time
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch, EventQuery, TimeWindow
from scoreback.times import micros, moment, span

# Events sorted at once. Documents at a chunk's edges are stored among others, and the server reads
# scattered documents several times slower: hence few edges.
CHUNK_ROWS = 30_000
PAGE_ROWS = 5_000  # hits per page: 1,000 cost the server half as much again; more gain nothing
PAGE_BYTES = 16_000_000  # a page of long documents has fewer hits
READERS = 2  # chunks requested at once: the server works while this process decodes
RENEWALS = 3  # renewals of a point in time without any progress


class Events:
    """The events door."""

    def __init__(self, client: Client, settings: ElasticSettings) -> None:
        """Read through *client*."""
        self._client, self._settings = client, settings

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices with about equally many events."""
        if parts < 1:
            raise SiemRefused(f"cannot cut a window into {parts} parts", hint="ask for 1 or more")
        clock = self._clock(query)
        since, until = micros(window.since), micros(window.until)
        with point_in_time(self._client, clock.selection.index) as pit:
            cuts = quantiles(pit, clock, since, until, parts)
        return [
            Slice(
                query=query,
                window=TimeWindow(since=moment(a), until=moment(b)),
                part=part,
                parts=parts,
            )
            for part, (a, b) in enumerate(pairwise(cuts))
        ]

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Sorted names of the fields that events of *selection* have."""
        return mapped(self._client, self.selection(selection)).names

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        """Refuse a *selection* that is not valid for Elasticsearch, or runs a script."""
        self.selection(selection)

    def selection(self, selection: Mapping[str, object]) -> Selection:
        """*selection*, parsed and checked."""
        return Selection.of(selection, self._settings.clusters)

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (arrival_time, event_id).

        Raises:
            SiemRefused: in some index the time field of events is not a date.
        """
        query = piece.query
        fields = tuple(dict.fromkeys(query.fields))
        clock = self._clock(query)
        there = mapped(self._client, clock.selection, fields)
        for name, types in there.no_dates.items():
            what, fix = no_date(name, types)
            raise SiemRefused(what, hint=fix)
        chunks = _Chunks(self._client, clock, fields, frozenset(query.numbers), there)
        since, until = micros(piece.window.since), micros(piece.window.until)
        for table in chunks.read(since, until):
            for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
                yield EventBatch(batch)

    def _clock(self, query: EventQuery) -> Clock:
        return Clock(selection=self.selection(query.selection), lag=self._settings.arrival_lag)


@dataclass(slots=True)
class _Chunks:
    """Reads a window chunk by chunk, a few ahead."""

    client: Client
    clock: Clock
    fields: tuple[str, ...]
    numbers: frozenset[str]
    there: Mapped
    page_rows: int = PAGE_ROWS
    decoders: dict[tuple[str, ...], HitDecoder] = field(default_factory=dict)  # by requested fields

    def read(self, since: int, until: int) -> Iterator[pa.Table]:
        """The events of ``[since, until)`` in order, some thousands at a time."""
        renewed = 0
        while since < until:
            try:
                with point_in_time(self.client, self.clock.selection.index) as pit:
                    for table, done in self._over(pit, since, until):
                        since, renewed = done, 0
                        if table.num_rows:
                            yield table
                since = until
            except Expired as error:
                renewed += 1
                if renewed > RENEWALS:
                    raise SiemUnavailable(
                        "points in time expire faster than they can be read",
                        hint="the cluster is overloaded, or an index is being removed; try later",
                    ) from error

    def _over(self, pit: PointInTime, since: int, until: int) -> Iterator[tuple[pa.Table, int]]:
        """Each chunk's events, and the time up to which all events have been yielded."""
        cuts = list(pairwise(cut(pit, self.clock, since, until, CHUNK_ROWS)))
        with ThreadPoolExecutor(READERS, thread_name_prefix="scoreback-read") as pool:
            ahead: list[Future[pa.Table]] = []
            try:
                for number, (_, b) in enumerate(cuts):
                    while len(ahead) < READERS and number + len(ahead) < len(cuts):
                        ahead.append(pool.submit(self._chunk, pit, *cuts[number + len(ahead)]))
                    yield ahead.pop(0).result(), b
            finally:
                for left in ahead:
                    left.cancel()

    def _chunk(self, pit: PointInTime, since: int, until: int) -> pa.Table:
        """All events of ``[since, until)``, sorted."""
        asked = self.there.asked if self.there.shown else self.fields
        try:
            pages = self._pages(pit, since, until, asked)
        except _NoSource:
            pages = self._pages(pit, since, until, self.fields)
        empty = pa.schema([*EVENT_COLUMNS, *((name, pa.string()) for name in self.fields)])
        whole = together(pages or [empty.empty_table()])
        times = whole["arrival_time"].cast(pa.int64())
        inside = pc.and_(pc.greater_equal(times, since), pc.less(times, until))
        order = [
            ("arrival_time", "ascending"),
            ("event_id", "ascending"),
            ("event_ref", "ascending"),
        ]
        if not pc.all(inside).as_py():
            whole = whole.filter(inside)
        return whole.sort_by(order)

    def _pages(
        self, pit: PointInTime, since: int, until: int, asked: Sequence[str]
    ) -> list[pa.Table]:
        hits = self._decoder(asked)
        same: dict[str, Any] = {"query": self.clock.query(since, until), "sort": ["_shard_doc"]}
        if set(asked) >= set(self.fields):
            same["_source"] = False
        pages: list[pa.Table] = []
        after: list[Any] | None = None
        while True:
            size = self.page_rows
            body = hits.request() | same | {"size": size}
            if after is not None:
                body["search_after"] = after
            answer = pit.search(body)
            looked_up = LOOKED_UP in body
            try:
                page = hits.decode(answer, looked_up=looked_up)
            except TimesUnclear:
                continue
            except SiemUnavailable as error:
                raise Expired(error.message, hint=error.hint) from error
            pit.renew(page.pit)
            if len(page.ids):
                if page.without_source and body.get("_source") is not False:
                    raise _NoSource
                pages.append(self._table(page))
                each = len(answer) // len(page.ids) + 1
                self.page_rows = max(100, min(PAGE_ROWS, PAGE_BYTES // each))
            if len(page.ids) < size:
                return pages
            after = page.after

    def _decoder(self, asked: Sequence[str]) -> HitDecoder:
        """One decoder for all pages, because it learns from them."""
        path, key = self.there.path, tuple(asked)
        if key not in self.decoders:
            decoder = HitDecoder(
                self.clock.selection,
                list(map(path, self.fields)),
                numbers=[path(name) for name in self.numbers],
                asked=list(map(path, asked)),
                told=self.there.told,
                sequence=self.there.sequence,
                valued=self.there.valued if set(asked) >= set(self.fields) else (),
            )
            self.decoders.setdefault(key, decoder)  # another thread may have been faster
        return self.decoders[key]

    def _table(self, page: Page) -> pa.Table:
        lag = span(self.clock.lag)
        arrival = pc.coalesce(page.arrival, pc.add(page.time, lag))
        time = pc.min_element_wise(page.time, arrival, skip_nulls=True)
        columns = {
            "event_id": page.ids,
            "event_ref": page.refs,
            "event_time": time.cast(TIME),
            "arrival_time": arrival.cast(TIME),
        }
        columns |= {name: page.columns[self.there.path(name)] for name in self.fields}
        table = pa.table(columns)
        if table["arrival_time"].null_count:  # documents without a time, which are not events
            table = table.filter(pc.is_valid(table["arrival_time"]))
        return table.cast(pa.schema([*EVENT_COLUMNS, *list(table.schema)[len(EVENT_COLUMNS) :]]))


class _NoSource(Exception):
    """Documents come without their source, so every field must be requested."""
