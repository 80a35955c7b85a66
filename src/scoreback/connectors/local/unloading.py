"""Takes exports back out of a stream, as long as nobody has read their events.

Segments know the exports that their events came from, not which row came from which: a segment
that several exports share goes only with all of them. The ledger stops to list the segments in one
transaction, and then their files are removed; that is done while nobody reads.
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

_SHORTEST = 6  # characters of a checksum that name an export


def unload(
    store: Store, stream: str, wanted: Sequence[str], read: Callable[[], Iterable[ReadSoFar]]
) -> Unloaded:
    """Take the events of the exports *wanted* out of *stream*: all of them, or nothing.

    Args:
        store: the SIEM.
        stream: where they were loaded.
        wanted: files, their names, or beginnings of their checksums.
        read: asked which detectors have read how far, once nobody else can load.

    Raises:
        ConfigError: a stream may not be called so.
        SiemRefused: no such stream or export, or something depends on its events.
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
            f"{len(found)} exports in stream {stream!r} are called {wanted!r}",
            hint=f"name one by its checksum: {names}",
        )
    raise SiemRefused(
        f"no events of stream {stream!r} were loaded from {wanted!r}",
        hint=f"its exports are: {names or 'not known, a program added its events'}; an export that"
        " brought labels alone is not taken back: load the right labels instead",
    )


def _segments_of(chosen: Sequence[StoredExport], segments: Sequence[Segment]) -> list[Segment]:
    """The segments that hold events of *chosen* alone.

    Raises:
        SiemRefused: a segment holds events of others, too.
    """
    keys = {each.sha256 for each in chosen}
    gone = [segment for segment in segments if keys & set(segment.sources)]
    for segment in gone:
        others = sorted(name for sha, name in segment.sources.items() if sha not in keys)
        if others:
            raise SiemRefused(
                f"events of {', '.join(each.name for each in chosen)} were merged with those of"
                f" {', '.join(others)}",
                hint="unload all of these together, then load again what should stay",
            )
    return gone


def _refuse_read(stream: str, gone: Sequence[Segment], read: Iterable[ReadSoFar]) -> None:
    """Refuse where a detector has read what arrived at or after the first of these events.

    Scores, alerts and the windows of later events are made of them.
    """
    first = moment(min(segment.min_arrival for segment in gone))
    readers = [
        f"{each.detector} (up to {each.until:%Y-%m-%d %H:%M} UTC)"
        for each in read
        if each.until > first
        and "stream" in each.selection  # else it is of another SIEM
        and any(fnmatch.fnmatch(stream, pattern) for pattern in patterns_of(each.selection))
    ]
    if readers:
        raise SiemRefused(
            f"events of stream {stream!r} that arrived from {first:%Y-%m-%d %H:%M} UTC on were"
            f" scored, or are part of windows of what was scored, by {', '.join(readers)}",
            hint="they stay, with their scores, alerts and verdicts; to begin again, name a new"
            " workspace with --home",
        )
