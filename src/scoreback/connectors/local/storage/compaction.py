"""Merges many small segments into few, so that years of small loads and runs stay quick to read.

The merged segment is written first; one transaction lists it in place of those that it was made of,
and retires their files. Whoever reads holds a lock that others can hold too; retired files are
removed once nobody does, at the latest when segments are merged next. So a reader that listed the
small ones finds their files, and whatever is killed, each row is listed once.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from filelock import FileLock, Timeout

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import Segment, list_segment, segment_of
from scoreback.connectors.local.storage.store import Store
from scoreback.disk.files import FILE_MODE, create, unlinked
from scoreback.errors import SiemError, SiemUnavailable
from scoreback.times import span

_log = logging.getLogger(__name__)

LOOKED_AT_AGAIN = timedelta(days=1)  # rules look back over minutes: such scores are left alone
MERGE_AT = 64  # small segments of a stream: fewer are not worth it
READERS = "readers.lock"  # held by whoever reads, in the folder of the SIEM
_TRIES, _PAUSE = 20, 0.25  # seconds between tries to be alone
MERGED_ROWS = 200_000  # of a merged segment, at most
MERGED_CELLS = 4_000_000  # and so many cells: what merging holds in memory
_ORDER = {
    "events": ("arrival_time", [("arrival_time", "ascending"), ("event_id", "ascending")]),
    "scores": ("received_at", [("event_time", "ascending"), ("score_id", "ascending")]),
}


@contextmanager
def kept_while_read(store: Store) -> Iterator[None]:
    """Files of segments that are listed from now on stay until the end, merged or not.

    Never waits: where files are being removed at this moment, they are ones that are not listed.
    """
    with ExitStack() as held:
        with suppress(OSError):  # of a folder that may only be read, nothing is removed either
            descriptor = create(store.folder / READERS, exist_ok=True)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


@contextmanager
def while_nobody_reads(store: Store) -> Iterator[None]:
    """Files of segments may be removed for as long as it lasts, once they are not listed.

    Raises:
        SiemUnavailable: somebody reads, now and for a few seconds more.
    """
    descriptor = create(store.folder / READERS, exist_ok=True)
    try:
        for left in range(_TRIES, 0, -1):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if left == 1:
                    raise SiemUnavailable(
                        f"somebody is reading events in {store.folder}",
                        hint="try again once that run is over; nothing was changed",
                    ) from error
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def compact(store: Store, kind: str, stream: str) -> int:
    """Merge small segments of *stream* where there are many; how many were merged.

    Whoever merges the same stream at this moment is left to it. What cannot be merged, as a file is
    damaged or the disk is full, stays as it is: those who read it say so.
    """
    name = f"MERGING-{kind}-{stream}.lock"  # no stream is called so
    try:
        with FileLock(unlinked(store.staging / name), timeout=0, mode=FILE_MODE):
            merged = 0
            if _count(store, kind, stream) >= MERGE_AT:
                for group in _groups(_small(store, kind, stream)):
                    merged += _merge(store, kind, stream, group)
            _remove_retired(store)
            return merged
    except (OSError, SiemError) as error:
        if not isinstance(error, Timeout):
            _log.warning("segments of %s %s are not merged: %s", kind, stream, error)
        return 0


def _is_small(kind: str, stream: str) -> tuple[sa.ColumnElement[bool], ...]:
    """What tells small segments from others: no rule has to look at their scores any more."""
    of = ledger.segments.c
    wanted = (of.kind == kind, of.stream == stream, of.evaluated, of.rows < MERGED_ROWS // 4)
    if kind != "scores":
        return wanted
    newest = sa.select(sa.func.max(of.max_arrival)).where(of.kind == kind).scalar_subquery()
    return (*wanted, of.max_arrival < newest - span(LOOKED_AT_AGAIN))


def _count(store: Store, kind: str, stream: str) -> int:
    query = sa.select(sa.func.count()).select_from(ledger.segments)
    with store.ledger.reading() as connection:
        return int(connection.scalar(query.where(*_is_small(kind, stream))) or 0)


def _small(store: Store, kind: str, stream: str) -> list[Segment]:
    query = sa.select(ledger.segments).where(*_is_small(kind, stream))
    with store.ledger.reading() as connection:
        rows = connection.execute(query.order_by(ledger.segments.c.segment_id)).all()
    return [s for s in map(segment_of, rows) if _cells(s) < MERGED_CELLS // 4]


def _cells(segment: Segment) -> int:
    return segment.rows * len(segment.columns)


def _groups(small: Sequence[Segment]) -> Iterator[Sequence[Segment]]:
    """Segments that follow each other, as many as one may hold; at least two."""
    group: list[Segment] = []
    columns: set[str] = set()
    for segment in small:
        wider = columns.union(segment.columns)
        rows = segment.rows + sum(one.rows for one in group)
        if group and (rows > MERGED_ROWS or rows * len(wider) > MERGED_CELLS):
            if len(group) > 1:
                yield group
            group, wider = [], set(segment.columns)
        group.append(segment)
        columns = wider
    if len(group) > 1:
        yield group


def _merge(store: Store, kind: str, stream: str, group: Sequence[Segment]) -> int:
    """List one segment in place of *group*; how many it replaces: none that changed meanwhile."""
    arrival, order = _ORDER[kind]
    tables = [pq.read_table(store.segments.intact(s), partitioning=None) for s in group]
    rows = pa.concat_tables(tables, promote_options="permissive").sort_by(order)
    if arrival not in rows.column_names:  # scores of a version that did not keep when they came
        arrival = "scored_at"
    merged = store.segments.write(kind, stream, rows, arrival)
    merged = replace(merged, sources={k: v for one in group for k, v in one.sources.items()})
    paths = [segment.path for segment in group]
    try:
        _replace(store, paths, merged)
    except _Changed:
        store.segments.discard([merged])
        return 0
    return len(group)


def _replace(store: Store, paths: Sequence[str], merged: Segment) -> None:
    of = ledger.segments.c
    with store.ledger.writing() as connection:
        unchanged = sa.delete(ledger.segments).where(of.path.in_(paths), of.evaluated)
        if connection.execute(unchanged).rowcount != len(paths):
            raise _Changed
        connection.execute(ledger.retired.insert(), [{"path": path} for path in paths])
        list_segment(connection, merged, evaluated=True)


class _Changed(Exception):
    """A segment that was to be merged is not listed as it was."""


def _remove_retired(store: Store) -> None:
    """Remove the files of merged segments, unless somebody reads."""
    with store.ledger.reading() as connection:
        retired = [*connection.scalars(sa.select(ledger.retired.c.path))]
    if not retired:
        return
    descriptor = create(store.folder / READERS, exist_ok=True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in retired:
            (store.folder / path).unlink(missing_ok=True)
        with store.ledger.writing() as connection:
            connection.execute(ledger.retired.delete().where(ledger.retired.c.path.in_(retired)))
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)
