"""Records what jobs did: each run for a detector, when, how it ended, and what it counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Literal

import sqlalchemy as sa
from pydantic import TypeAdapter

from scoreback.errors import StateError
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State

RunEnd = Literal["done", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one job."""

    run_id: int
    detector: str
    kind: str
    started_at: datetime
    ended_at: datetime | None
    # stopped: asked to end, between two steps; lost: its process was killed
    status: Literal["running", "done", "failed", "stopped", "lost"]
    counts: Mapping[str, float]
    error: str | None


def start_run(state: State, detector: str, kind: str, at: datetime) -> int:
    """Record that a run began; return its id. Call it while holding the lock of that job.

    As the lock is ours, any run of that kind still listed as running was killed: it becomes lost.
    """
    t = tables.runs
    mine = (t.c.detector == detector, t.c.kind == kind)
    lost = sa.update(t).where(*mine, t.c.status == "running")
    values = {"detector": detector, "kind": kind, "started_at": at, "status": "running"}
    with state.database.writes() as connection:
        connection.execute(lost.values(status="lost"))
        adding = sa.insert(t).values(**values, counts="{}").returning(t.c.id)
        return int(connection.execute(adding).scalar_one())


def end_run(
    state: State,
    run_id: int,
    status: RunEnd,
    at: datetime,
    *,
    counts: Mapping[str, float] | None = None,
    error: str | None = None,
) -> None:
    """Record how the run ended.

    Raises:
        StateError: no such run is in progress.
    """
    t = tables.runs
    ended = sa.update(t).where(t.c.id == run_id, t.c.status == "running")
    text = json.dumps(dict(counts or {}), sort_keys=True, allow_nan=False)
    with state.database.writes() as connection:
        changed = connection.execute(
            ended.values(status=status, ended_at=at, counts=text, error=error)
        )
        if changed.rowcount != 1:
            raise StateError(f"run {run_id} is not in progress", hint="see the list of runs")


def stop_run(state: State, detector: str, kind: str, at: datetime) -> None:
    """Record that the run in progress was given up, as its process ends now."""
    t = tables.runs
    mine = (t.c.detector == detector, t.c.kind == kind, t.c.status == "running")
    with state.database.writes() as connection:
        connection.execute(sa.update(t).where(*mine).values(status="stopped", ended_at=at))


def runs(
    state: State,
    detector: str | None = None,
    limit: int | None = None,
    *,
    kind: str | None = None,
) -> Sequence[Run]:
    """The runs, newest first."""
    t = tables.runs
    query = sa.select(t).order_by(t.c.id.desc()).limit(limit)
    if detector is not None:
        query = query.where(t.c.detector == detector)
    if kind is not None:
        query = query.where(t.c.kind == kind)
    with state.database.reads() as connection:
        rows = connection.execute(query).all()
    return [
        Run(
            run_id=row.id,
            detector=row.detector,
            kind=row.kind,
            started_at=row.started_at,
            ended_at=row.ended_at,
            status=row.status,
            counts=tables.from_json(_COUNTS, row.counts, f"run {row.id}"),
            error=row.error,
        )
        for row in rows
    ]


def last_counted(found: Sequence[Run], *, alone: bool) -> Run | None:
    """The last run after which the job waits for its next time; None if there is none.

    A stopped run does not count, so the job begins again, and neither does one whose process was
    killed. It counts if that happened twice in a row: the run may be what kills the process, and
    would do so at every start.

    Args:
        found: runs of one job of one detector, newest first.
        alone: nobody is running that job now, so a run that is called running was killed.
    """
    gone = ("lost", "running") if alone else ("lost",)
    ended = [run for run in found if run.status != "stopped"]
    for run, before in zip_longest(ended, ended[1:]):
        if run.status not in gone or (before is not None and before.status == "lost"):
            return run
    return None


_COUNTS: TypeAdapter[Mapping[str, float]] = TypeAdapter(dict[str, float])
