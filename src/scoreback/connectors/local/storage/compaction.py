"""Merges many small segments into few, so that reads stay quick after years of small loads.

The merged segment is written first; then one transaction lists it in place of the small segments
and retires their files. A reader holds a shared lock; retired files are removed once nobody holds
it, at the latest at the next merge. So a reader that listed the small segments still finds their
files, and whenever a process is killed, each row is listed exactly once.
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

# rules look back over minutes, so merging skips scores this recent
LOOKED_AT_AGAIN = timedelta(days=1)
MERGE_AT = 64  # small segments of a stream; merging fewer is not worth it
READERS = "readers.lock"  # in the SIEM's folder; held by each reader
_TRIES, _PAUSE = 20, 0.25  # seconds between attempts to lock out readers
MERGED_ROWS = 200_000  # maximum rows of a merged segment
MERGED_CELLS = 4_000_000  # maximum cells of a merged segment: what merging holds in memory
_ORDER = {
    "events": ("arrival_time", [("arrival_time", "ascending"), ("event_id", "ascending")]),
    "scores": ("received_at", [("event_time", "ascending"), ("score_id", "ascending")]),
}


@contextmanager
def kept_while_read(store: Store) -> Iterator[None]:
    """Keep the files of segments listed from now on until the block ends, merged or not.

    Never waits: if files are being removed at this moment, they are not listed any more.
    """
    with ExitStack() as held:
        with suppress(OSError):  # in a read-only folder nobody removes files either
            descriptor = create(store.folder / READERS, exist_ok=True)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


@contextmanager
def while_nobody_reads(store: Store) -> Iterator[None]:
    """Lock readers out while the block runs, so that files of unlisted segments can be removed.

    Raises:
        SiemUnavailable: a reader does not finish within a few seconds.
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
                        f"another process is reading events in {store.folder}",
                        hint="try again when it has finished; nothing was changed",
                    ) from error
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def compact(store: Store, kind: str, stream: str) -> int:
    """Merge small segments of *stream* where there are many; returns how many were merged.

    Does nothing while another process merges the same stream. Segments that cannot be merged,
    because a file is damaged or the disk is full, stay as they are: whoever reads them reports the
    problem.
    """
    name = f"MERGING-{kind}-{stream}.lock"  # no stream has this name
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
    """The condition for small segments, with scores that no rule has to look at any more."""
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
    """Consecutive segments, as many as one merged segment may hold, and at least two."""
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
    """List one segment in place of *group*; returns how many it replaces, 0 if one has changed."""
    arrival, order = _ORDER[kind]
    tables = [pq.read_table(store.segments.intact(s), partitioning=None) for s in group]
    rows = pa.concat_tables(tables, promote_options="permissive").sort_by(order)
    # scores of a version that did not store when they were received
    if arrival not in rows.column_names:
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
    """A segment to be merged has changed in the ledger."""


def _remove_retired(store: Store) -> None:
    """Remove the files of merged segments, unless somebody is reading."""
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
