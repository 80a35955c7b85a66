"""Event segments whose files are gone: always reported, and restored by loading their export.

A lost segment stays in the ledger, so that every run that still has to read its events fails with
an error. It is taken off the ledger once its events are back: after a load of each export that they
came from, which adds whatever the stream lacks. Where the exports are unknown (a program added the
events, or an older version loaded them), any load does that brings as many new events of the same
time.
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
    """Refuse a load of *source* into a stream with *lost* segments that only other exports restore.

    The ids of lost events are no longer known, so this load could add them a second time.

    Raises:
        SiemRefused: another export has to be loaded first; the message names it and a segment.
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
    """Take off the ledger those of *lost* that *written*, loaded from *source*, restores.

    Raises:
        SiemRefused: the load does not restore a segment whose export is unknown.
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
        f"segment {segment.path} of stream {segment.stream!r} is missing with its {segment.rows:,}"
        " events",
        hint=f"restore it from a backup, or {again}; then load the rest",
    )
