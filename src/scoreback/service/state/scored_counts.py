"""Counts of what was scored, by version and hour, in the bins from training.

A step's counts are added as its batch begins, in one transaction: after that the batch is certain
to be published, and cannot begin a second time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.sqlite import insert

from scoreback.records import TimeWindow
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State

ColumnCounts = Mapping[str, Sequence[int]]  # column → how many rows in each bin


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredHour:
    """What one version scored in steps whose newest event lies in one hour."""

    version: str
    hour: datetime
    newest_event: datetime  # event time
    counts: ColumnCounts


def add_counts(connection: sa.Connection, detector: str, scored: Sequence[ScoredHour]) -> None:
    """Add the counts of *scored* to those of their hours, in the caller's transaction."""
    t = tables.scored_counts
    for one in scored:
        hour = (t.c.detector == detector, t.c.version == one.version, t.c.hour == one.hour)
        before = connection.execute(sa.select(t).where(*hour)).one_or_none()
        counts, newest = dict(one.counts), one.newest_event
        if before is not None:
            counts = summed([_counts(before), one.counts])
            newest = max(newest, before.newest_event)
        row = {
            "detector": detector,
            "version": one.version,
            "hour": one.hour,
            "newest_event": newest,
            "counts": json.dumps({name: [*bins] for name, bins in counts.items()}),
        }
        adding = insert(t).values(row)
        keys = ["detector", "version", "hour"]
        connection.execute(adding.on_conflict_do_update(keys, set_=row))


def counts_of(
    state: State, detector: str, version: str, window: TimeWindow
) -> Sequence[ScoredHour]:
    """What *version* scored in the hours that begin in *window*."""
    t = tables.scored_counts
    query = sa.select(t).where(
        t.c.detector == detector,
        t.c.version == version,
        t.c.hour >= window.since,
        t.c.hour < window.until,
    )
    with state.database.reads() as connection:
        rows = connection.execute(query.order_by(t.c.hour)).all()
    return [
        ScoredHour(
            version=row.version, hour=row.hour, newest_event=row.newest_event, counts=_counts(row)
        )
        for row in rows
    ]


def newest_event(state: State, detector: str, version: str | None = None) -> datetime | None:
    """The time of the newest event that *version*, or any version, scored; None if unknown."""
    t = tables.scored_counts
    query = sa.select(sa.func.max(t.c.newest_event)).where(t.c.detector == detector)
    if version is not None:
        query = query.where(t.c.version == version)
    with state.database.reads() as connection:
        found: datetime | None = connection.execute(query).scalar()
    return found


def first_hour(state: State, detector: str) -> datetime | None:
    """The first hour counted for *detector*; None without any."""
    t = tables.scored_counts
    query = sa.select(sa.func.min(t.c.hour)).where(t.c.detector == detector)
    with state.database.reads() as connection:
        found: datetime | None = connection.execute(query).scalar()
    return found


def counted_hours(state: State, detector: str, window: TimeWindow) -> list[datetime]:
    """The hours in *window* in which anything was scored, in order."""
    t = tables.scored_counts
    query = sa.select(t.c.hour).distinct().where(t.c.detector == detector)
    query = query.where(t.c.hour >= window.since, t.c.hour < window.until).order_by(t.c.hour)
    with state.database.reads() as connection:
        return [*connection.execute(query).scalars()]


def scored_since(state: State, detector: str, since: datetime) -> int:
    """How many rows all versions scored in the hours from *since* on."""
    t = tables.scored_counts
    query = sa.select(t).where(t.c.detector == detector, t.c.hour >= since)
    with state.database.reads() as connection:
        rows = connection.execute(query).all()
    return sum(sum(next(iter(_counts(row).values()), ())) for row in rows)


def summed(parts: Sequence[ColumnCounts]) -> dict[str, Sequence[int]]:
    """The sum of the counts of several hours of one version."""
    total: dict[str, Sequence[int]] = {}
    for part in parts:
        for name, bins in part.items():
            before = total.get(name, [0] * len(bins))
            total[name] = [a + b for a, b in zip(before, bins, strict=True)]
    return total


def prune_counts(state: State, before: datetime) -> int:
    """Delete the hours before *before*; return how many rows that were."""
    t = tables.scored_counts
    with state.database.writes() as connection:
        return int(connection.execute(sa.delete(t).where(t.c.hour < before)).rowcount)


def _counts(row: sa.Row[tuple[object, ...]]) -> ColumnCounts:
    what = f"counts of {row.detector!r}"
    return tables.from_json(_COUNTS, str(row.counts), what)


_COUNTS: TypeAdapter[ColumnCounts] = TypeAdapter(dict[str, list[int]])
