"""Units drawn from those that raised no alert; stored with the batch of the step that drew them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from scoreback.service.state import tables
from scoreback.service.state.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A unit that a person is asked to look at, though it raised no alert."""

    event_id: str
    counted_at: datetime
    score: float
    chance: float  # the chance of a unit with such a score to be drawn that day


def note_audits(
    connection: sa.Connection, batch_id: str, detector: str, version: str, drawn: Sequence[Audited]
) -> None:
    """Store what a step of the batch drew, in the caller's transaction; again replaces it."""
    t = tables.audits
    connection.execute(sa.delete(t).where(t.c.batch_id == batch_id))
    rows = [
        {
            "detector": detector,
            "version": version,
            "event_id": one.event_id,
            "batch_id": batch_id,
            "counted_at": one.counted_at,
            "score": one.score,
            "chance": one.chance,
        }
        for one in drawn
    ]
    if rows:
        connection.execute(sa.insert(t), rows)


def audits_since(
    database: Database, detector: str, since: datetime, *, version: str | None = None
) -> list[Audited]:
    """What was drawn for *detector* from *since* on, for any version or one *version*, by time."""
    t = tables.audits
    query = sa.select(t).where(t.c.detector == detector, t.c.counted_at >= since)
    if version is not None:
        query = query.where(t.c.version == version)
    with database.reads() as connection:
        return [
            Audited(
                event_id=row.event_id, counted_at=row.counted_at, score=row.score,
                chance=row.chance,
            )
            for row in connection.execute(query.order_by(t.c.counted_at, t.c.event_id))
        ]  # fmt: skip


def prune_audits(database: Database, before: datetime) -> int:
    """Delete what was drawn before a time; return how many rows that were."""
    t = tables.audits
    with database.writes() as connection:
        return connection.execute(sa.delete(t).where(t.c.counted_at < before)).rowcount
