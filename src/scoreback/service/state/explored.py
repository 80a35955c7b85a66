"""What only shadows would show, and which of it was shown; stored with the batch of its step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from scoreback.service.state import tables
from scoreback.service.state.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that a shadow would open an alert for, but not the champion."""

    event_id: str
    version: str  # the shadow's version
    counted_at: datetime
    event_time: datetime
    entity: int  # code that never changes; -1 without an entity
    score: float  # the shadow's score
    chance: float  # the chance to be shown; 0: its day had more candidates than places
    shown: bool


def note_candidates(
    connection: sa.Connection, batch_id: str, detector: str, candidates: Iterable[Candidate]
) -> None:
    """Store the candidates of a batch, in the caller's transaction; a second call replaces them."""
    t = tables.explored
    rows = [
        {
            "detector": detector,
            "event_id": one.event_id,
            "version": one.version,
            "batch_id": batch_id,
            "counted_at": one.counted_at,
            "event_time": one.event_time,
            "entity": one.entity,
            "score": one.score,
            "chance": one.chance,
            "shown": one.shown,
        }
        for one in candidates
    ]
    connection.execute(sa.delete(t).where(t.c.batch_id == batch_id))
    if rows:
        connection.execute(sa.insert(t), rows)


def candidates_since(database: Database, detector: str, since: datetime) -> Sequence[Candidate]:
    """What only shadows of *detector* would show from *since* on, in the order of counting."""
    t = tables.explored
    query = sa.select(t).where(t.c.detector == detector, t.c.counted_at >= since)
    with database.reads() as connection:
        return [
            Candidate(
                event_id=row.event_id, version=row.version, counted_at=row.counted_at,
                event_time=row.event_time, entity=row.entity, score=row.score, chance=row.chance,
                shown=row.shown,
            )
            for row in connection.execute(query.order_by(t.c.counted_at, t.c.event_id))
        ]  # fmt: skip


def lately(database: Database, detector: str, span: timedelta) -> Sequence[Candidate]:
    """The candidates of *detector* in the *span* before the latest one, in order of counting."""
    t = tables.explored
    with database.reads() as connection:
        newest = connection.scalar(
            sa.select(sa.func.max(t.c.counted_at)).where(t.c.detector == detector)
        )
    return [] if newest is None else candidates_since(database, detector, newest - span)


def prune_candidates(database: Database, before: datetime) -> int:
    """Delete what was counted before a time; return how many rows that were."""
    t = tables.explored
    with database.writes() as connection:
        return connection.execute(sa.delete(t).where(t.c.counted_at < before)).rowcount
