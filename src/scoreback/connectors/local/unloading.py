"""Removes exports from a stream, as long as no detector has read their events.

A segment knows the exports that its events came from, but not which row came from which: a segment
shared by several exports is removed only with all of them. One transaction takes the segments off
the ledger; then their files are removed while nobody reads.
"""

import fnmatch
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from scoreback.connectors.doors.stored import ReadSoFar, StoredExport, Unloaded
from scoreback.connectors.local.events import patterns_of
from scoreback.connectors.local.loading.intake import alone_with
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.compaction import while_nobody_reads
from scoreback.connectors.local.storage.contents import exports_of
from scoreback.connectors.local.storage.later_values import forget_values
from scoreback.connectors.local.storage.segments import Segment, listed
from scoreback.connectors.local.storage.store import Store, stream_name
from scoreback.errors import SiemRefused
from scoreback.regular_file import open_regular
from scoreback.times import moment

_SHORTEST = 6  # minimum length of a checksum prefix that names an export


def unload(
    store: Store, stream: str, wanted: Sequence[str], read: Callable[[], Iterable[ReadSoFar]]
) -> Unloaded:
    """Remove the events of the exports *wanted* from *stream*: all of them, or nothing.

    Args:
        store: the SIEM's storage.
        stream: the stream that they were loaded into.
        wanted: paths, file names, or prefixes of checksums.
        read: returns which detectors have read how far; called once nobody else can load.

    Raises:
        ConfigError: the stream's name is not valid.
        SiemRefused: the stream or export does not exist, or something depends on its events.
        SiemUnavailable: another process keeps the stream busy.
    """
    with alone_with(store, stream_name(stream)), while_nobody_reads(store):
        with store.ledger.reading() as connection:
            segments = listed(connection, "events", [stream])
            if not segments:
                names = ", ".join(store.streams()) or "none; nothing was loaded"
                raise SiemRefused(
                    f"no stream is called {stream!r}", hint=f"streams that exist: {names}"
                )
        chosen = [_export(exports_of(segments), stream, each) for each in dict.fromkeys(wanted)]
        gone = _segments_of(chosen, segments)
        _refuse_read(stream, gone, read())
        paths = [segment.path for segment in gone]
        with store.ledger.writing() as connection:
            connection.execute(ledger.segments.delete().where(ledger.segments.c.path.in_(paths)))
            forget_values(connection, stream, _ids(store, gone))
        store.segments.discard(gone)
    rows = sum(segment.rows for segment in gone)
    left = sum(segment.rows for segment in segments) - rows
    return Unloaded(exports=chosen, rows=rows, left=left)


def _ids(store: Store, segments: Sequence[Segment]) -> Iterator[list[str]]:
    for segment in segments:
        path = store.segments.intact(segment)
        yield pq.read_table(path, columns=["event_id"], partitioning=None)["event_id"].to_pylist()


def _export(there: Sequence[StoredExport], stream: str, wanted: str) -> StoredExport:
    path, found = Path(wanted), []
    if path.is_file():
        with open_regular(path) as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        found = [each for each in there if each.sha256 == sha]
    found = found or [each for each in there if each.name == wanted]
    if not found and len(wanted) >= _SHORTEST:
        found = [each for each in there if each.sha256.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.name} ({each.sha256[:12]})" for each in found or there)
    if found:
        raise SiemRefused(
            f"{len(found)} exports in stream {stream!r} have the name {wanted!r}",
            hint=f"name one by its checksum: {names}",
        )
    raise SiemRefused(
        f"no events of stream {stream!r} were loaded from {wanted!r}",
        hint=f"its exports are: {names or 'unknown, because a program added its events'}; an"
        " export that only added labels cannot be unloaded: load the correct labels instead",
    )


def _segments_of(chosen: Sequence[StoredExport], segments: Sequence[Segment]) -> list[Segment]:
    """The segments that hold only events of *chosen*.

    Raises:
        SiemRefused: a segment also holds events of other exports.
    """
    keys = {each.sha256 for each in chosen}
    gone = [segment for segment in segments if keys & set(segment.sources)]
    for segment in gone:
        others = sorted(name for sha, name in segment.sources.items() if sha not in keys)
        if others:
            raise SiemRefused(
                f"events of {', '.join(each.name for each in chosen)} were merged with those of"
                f" {', '.join(others)}",
                hint="unload all of these together, then load the ones to keep again",
            )
    return gone


def _refuse_read(stream: str, gone: Sequence[Segment], read: Iterable[ReadSoFar]) -> None:
    """Refuse if a detector has read arrival times at or after the first of these events.

    Its scores, alerts and the windows of later events depend on them.
    """
    first = moment(min(segment.min_arrival for segment in gone))
    readers = [
        f"{each.detector} (up to {each.until:%Y-%m-%d %H:%M} UTC)"
        for each in read
        if each.until > first
        and "stream" in each.selection  # else it selects from another SIEM
        and any(fnmatch.fnmatch(stream, pattern) for pattern in patterns_of(each.selection))
    ]
    if readers:
        raise SiemRefused(
            f"events of stream {stream!r} that arrived from {first:%Y-%m-%d %H:%M} UTC on were"
            f" scored, or used in windows of scored events, by {', '.join(readers)}",
            hint="they cannot be unloaded; to start over, use a new workspace with --home",
        )
