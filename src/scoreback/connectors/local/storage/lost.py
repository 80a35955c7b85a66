"""Event segments whose files are gone: never forgotten in silence, put back by their own export.

A lost segment goes on counting, so that whoever has still to read its events is told. It stops to
count once a load brings its events back: a load of each export that they came from, which adds
whatever the stream does not have. Of segments whose exports are not known (events that were added
by a program, or loaded by an older version), a load does that which brings as many new events of
the same time.
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import Segment, Source, exports, listed
from scoreback.errors import SiemRefused


def missing(connection: sa.Connection, folder: Path, stream: str) -> list[Segment]:
    """Event segments of *stream* whose file is gone."""
    found = listed(connection, "events", [stream])
    return [segment for segment in found if not (folder / segment.path).exists()]


def refuse_unless_put_back(lost: Sequence[Segment], source: Source | None) -> None:
    """Refuse a load of *source* into a stream that has *lost* segments which others put back.

    Which ids the lost events had is not known any more: they would be added a second time.

    Raises:
        SiemRefused: names a segment and the exports that put it back.
    """
    known = [segment for segment in lost if segment.sources]
    if known and not any(source and source.sha256 in segment.sources for segment in known):
        raise _lost(known[0])


def put_back(
    connection: sa.Connection,
    lost: Sequence[Segment],
    source: Source | None,
    written: Sequence[Segment],
) -> None:
    """Stop counting those of *lost* that *written*, loaded from *source*, puts back.

    Raises:
        SiemRefused: it does not put back one whose export is not known.
    """
    for segment in lost:
        rest = dict(segment.sources)
        if source is not None:
            rest.pop(source.sha256, None)
        row = ledger.segments.c.path == segment.path
        if rest:
            connection.execute(ledger.segments.update().where(row).values(sources=rest))
        elif segment.sources or _covered(segment, written):
            connection.execute(ledger.segments.delete().where(row))
        else:
            raise _lost(segment)


def _covered(segment: Segment, written: Sequence[Segment]) -> bool:
    if any(new.path == segment.path for new in written):
        return True
    about = [
        new
        for new in written
        if new.min_event <= segment.max_event and new.max_event >= segment.min_event
    ]
    return sum(new.rows for new in about) >= segment.rows


def _lost(segment: Segment) -> SiemRefused:
    again = f"load {exports(segment)} again" if segment.sources else "load its export again"
    return SiemRefused(
        f"segment {segment.path} of stream {segment.stream!r} is gone with {segment.rows:,} events",
        hint=f"restore it from a backup, or {again}; then load the rest",
    )
