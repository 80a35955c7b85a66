"""What only shadows would show, and which of it was shown: written with the batch of its step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from scoreback.service.state import tables
from scoreback.service.state.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that a shadow would open an alert for, and the champion would not."""

    event_id: str
    version: str  # of the shadow
    counted_at: datetime
    event_time: datetime
    entity: int  # code, the same for ever; -1 where it is absent
    score: float  # by the shadow
    chance: float  # to be shown; 0: its day had more candidates than there were places for
    shown: bool


def note_candidates(
    connection: sa.Connection, batch_id: str, detector: str, candidates: Iterable[Candidate]
) -> None:
    """Write down the candidates of a batch, in the caller's transaction; again replaces them."""
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
    """What shadows of *detector* alone would show from *since* on, as it was counted."""
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
    """The candidates of *detector* of the *span* before the latest, as they were counted."""
    t = tables.explored
    with database.reads() as connection:
        newest = connection.scalar(
            sa.select(sa.func.max(t.c.counted_at)).where(t.c.detector == detector)
        )
    return [] if newest is None else candidates_since(database, detector, newest - span)


def prune_candidates(database: Database, before: datetime) -> int:
    """Forget what was counted before a time; how many rows."""
    t = tables.explored
    with database.writes() as connection:
        return connection.execute(sa.delete(t).where(t.c.counted_at < before)).rowcount
