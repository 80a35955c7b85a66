"""Reads a window in pieces of bounded size, a few of them at once, each as a whole.

Splunk returns the results of a search in its own order, so each piece is held in memory and sorted
here; rows are counted first to cut the pieces. A piece that broke off is read again; pieces yielded
before stay valid. A short window is read without counting, so that a detector that runs every few
minutes costs one search.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from scoreback.connectors.splunk.reading.rows import RowDecoder, without_nulls
from scoreback.connectors.splunk.reading.sources import Source
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import blocks, counted, patiently, search
from scoreback.connectors.splunk.wire.failures import NoAnswer

CHUNK_ROWS = 40_000  # rows that are held and sorted at once
BUCKETS = 500  # seconds of a counting bucket
SHORT = 900  # seconds; a shorter window is read without counting
DAY = 86_400  # maximum that one search covers, so that it ends within its quota
LONG = 400 * DAY  # for a longer window, first find out where it has any rows
READERS = 2  # pieces read at once, if the settings allow as many searches

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece:
    """Seconds ``[since, until)`` of a source."""

    since: int
    until: int
    rows: int | None = None  # rows counted in it


class _TooMany(Exception):
    """There are more rows than memory may hold."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads columns of a source."""

    client: Client
    source: Source
    decoder: RowDecoder
    commands: str  # appended to the search to make the columns: " | eval ... | fields ..."

    def tables(self, since: int, until: int) -> Iterator[pa.Table]:
        """The rows of ``[since, until)``, piece by piece; rows within a piece are unordered."""
        if 0 < until - since <= SHORT:
            try:
                yield self._once(Piece(since, until), CHUNK_ROWS)
            except (NoAnswer, _TooMany):
                pass  # still to be counted
            else:
                return
        yield from ahead(
            self._whole,
            pieces(self.client, self.source, since, until),
            min(READERS, self.client.settings.searches),
        )

    def _whole(self, piece: Piece) -> pa.Table:
        return patiently(self.client, lambda: self._once(piece))

    def _once(self, piece: Piece, most: int | None = None) -> pa.Table:
        asked = self.source.within(piece.since, piece.until)
        tables, held = [self.decoder.empty()], 0
        found = blocks(
            self.client, asked.spl + self.commands, asked.earliest, asked.latest,
            self.decoder.decode, piece.rows,
        )  # fmt: skip
        with closing(found):
            for some in found:
                held += some.count
                if most is not None and held > most:
                    raise _TooMany
                tables.append(some.rows)
        whole = pa.concat_tables(tables)
        columns = [without_nulls(column) for column in whole.columns]
        return pa.table(columns, names=list(self.decoder.names))


def pieces(client: Client, source: Source, since: int, until: int) -> Iterator[Piece]:
    """Pieces of about `CHUNK_ROWS` rows each, in order; stretches without rows have none."""
    days = (
        day
        for begin, end in _stretches(client, source, since, until)
        for day in _days(source, begin, end)
    )
    for a, b in days:
        if b - a <= SHORT:
            asked = source.within(a, b)
            count = patiently(
                client,
                partial(counted, client, asked.spl, earliest=asked.earliest, latest=asked.latest),
            )
            if not count:
                continue
            if count <= CHUNK_ROWS or b - a == 1:
                yield Piece(a, b, count)
                continue
        yield from _cut(client, source, a, b)


def _stretches(client: Client, source: Source, since: int, until: int) -> list[tuple[int, int]]:
    """Roughly the parts of a window that have rows, to avoid asking for each day since 1970."""
    if until - since <= LONG:
        return [(since, until)]
    found: list[tuple[int, int]] = []
    for a, b, _ in counts(client, source, since, until, -(-(until - since) // BUCKETS)):
        if found and found[-1][1] == a:
            found[-1] = (found[-1][0], b)
        else:
            found.append((a, b))
    return found


def _days(source: Source, since: int, until: int) -> Iterator[tuple[int, int]]:
    """Days, which begin at a different second for each search."""
    offset = zlib.crc32(source.within(0, 0).spl.encode()) % DAY
    while since < until:
        end = min(until, ((since - offset) // DAY + 1) * DAY + offset)
        yield since, end
        since = end


def _cut(client: Client, source: Source, since: int, until: int) -> Iterator[Piece]:
    """Merge neighbouring buckets; cut a bucket with too many rows again."""
    width = max(1, -(-(until - since) // BUCKETS))
    held, start = 0, since
    for a, b, count in counts(client, source, since, until, width):
        if held and held + count > CHUNK_ROWS:
            yield Piece(start, a, held)
            held, start = 0, a
        if count > CHUNK_ROWS and b - a > 1:
            yield from _cut(client, source, a, b)
            start = b
        else:
            held += count
    if held:
        yield Piece(start, until, held)


def counts(
    client: Client, source: Source, since: int, until: int, width: int
) -> list[tuple[int, int, int]]:
    """Buckets of *width* seconds that have rows: since, until and count, in order."""
    asked = source.within(since, until)
    spl = (
        f"{asked.spl} | eval scoreback_bucket=floor(({source.clock}-{since})/{width})"
        " | stats count BY scoreback_bucket"
    )
    rows = search(client, spl, earliest=asked.earliest, latest=asked.latest)
    found = {int(float(row["scoreback_bucket"])): int(row["count"]) for row in rows}
    last = (until - since - 1) // width
    return [
        (since + n * width, min(since + (n + 1) * width, until), count)
        for n, count in sorted(found.items())
        if 0 <= n <= last
    ]


def quantiles(client: Client, source: Source, since: int, until: int, parts: int) -> list[int]:
    """Cuts of ``[since, until)`` into *parts* with about equally many rows, in whole seconds."""
    even = [since + (until - since) * part // parts for part in range(parts + 1)]
    if parts == 1 or until <= since:
        return even
    found = counts(client, source, since, until, max(1, -(-(until - since) // BUCKETS)))
    total, held, cuts = sum(count for _, _, count in found), 0, [since]
    for _, end, count in found:
        held += count
        while len(cuts) < parts and held * parts >= total * len(cuts):
            cuts.append(end)
    return [*cuts, *[until] * (parts + 1 - len(cuts))] if total else even


def ahead(read: Callable[[Piece], T], found: Iterator[Piece], readers: int) -> Iterator[T]:
    """The results of *read*, in order; as many as there are *readers* run at once."""
    with ThreadPoolExecutor(readers, thread_name_prefix="scoreback-read") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for piece in found:
                waiting.append(pool.submit(read, piece))
                if len(waiting) == readers:
                    yield waiting.popleft().result()
                    pa.default_memory_pool().release_unused()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
