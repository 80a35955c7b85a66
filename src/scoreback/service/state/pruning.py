"""Deletes old entries from the state, so that it stays as small after years as after a month.

Versions, promotions, the audit log, and progress that may be used again are kept for ever.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from scoreback.errors import StateError
from scoreback.service.state import tables
from scoreback.service.state.audits import prune_audits
from scoreback.service.state.explored import prune_candidates
from scoreback.service.state.pacing_log import LOOK_BACK
from scoreback.service.state.scored_counts import prune_counts
from scoreback.service.state.workspace_state import State
from scoreback.times import MICROSECOND

KEEP_BATCHES = timedelta(days=30)  # of done batches, by the arrival of their events
KEEP_RUNS = timedelta(days=400)  # for a year's comparison; the last of each detector and kind stays
KEEP_REFUSED = timedelta(days=90)  # what the SIEM refused, with reasons, for people to look at
KEEP_TICKS = timedelta(days=400)  # hourly thresholds, for a year's comparison
KEEP_COUNTS = timedelta(days=60)  # of what was scored, by hour
KEEP_AUDITS = timedelta(days=400)  # what people were asked to look at besides alerts
KEEP_PLANS = timedelta(days=30)  # windows of a feature plan after another plan has taken over

ROWS_AT_ONCE = 10_000  # deleted per transaction, so that nobody else waits long


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How much was deleted."""

    batches: int
    runs: int
    refused: int  # files
    plans: int  # feature plans, with their window state
    paced: int  # steps that no threshold looks back to any more, and old thresholds
    counts: int = 0  # hours of what was scored
    audits: int = 0
    explored: int = 0


def prune(state: State, now: datetime) -> Pruned:
    """Delete what is older at *now* than it is kept; whatever is in doubt or in progress stays.

    Cheap if there is nothing to delete. Windows of a detector that another process works on are
    left for another time.

    Raises:
        StateError: the state cannot be read or written.
    """
    return Pruned(
        batches=_batches(state, now - KEEP_BATCHES),
        runs=_runs(state, now - KEEP_RUNS),
        refused=_refused(state.refused, now - KEEP_REFUSED),
        plans=_plans(state),
        paced=_paced(state, now - KEEP_TICKS),
        counts=prune_counts(state, now - KEEP_COUNTS),
        audits=prune_audits(state.database, now - KEEP_AUDITS),
        explored=prune_candidates(state.database, now - KEEP_AUDITS),
    )


def _batches(state: State, before: datetime) -> int:
    t = tables.batches
    old = sa.select(t.c.batch_id).where(t.c.status == "done", t.c.until < before)
    return _deleted(state, t.c.batch_id, old)


def _runs(state: State, before: datetime) -> int:
    t = tables.runs
    newer = t.alias()
    superseded = sa.exists().where(
        newer.c.detector == t.c.detector, newer.c.kind == t.c.kind, newer.c.id > t.c.id
    )
    old = sa.select(t.c.id).where(t.c.started_at < before, t.c.status != "running", superseded)
    return _deleted(state, t.c.id, old)


def _paced(state: State, before: datetime) -> int:
    """Delete old steps and thresholds; a silent detector keeps its latest days, however old."""
    t, k = tables.paced_steps, tables.paced_ticks
    newest = t.alias()
    latest = sa.func.max(sa.cast(newest.c.until, sa.BigInteger))
    last = sa.select(latest).where(newest.c.detector == t.c.detector)
    look_back = LOOK_BACK // MICROSECOND
    with state.database.writes() as connection:
        old = sa.cast(t.c.until, sa.BigInteger) < last.scalar_subquery() - look_back
        steps = connection.execute(sa.delete(t).where(old)).rowcount
    return steps + _deleted(state, k.c.id, sa.select(k.c.id).where(k.c.since < before))


def _deleted(
    state: State,
    key: sa.Column[str] | sa.Column[int],
    old: sa.Select[tuple[str]] | sa.Select[tuple[int]],
) -> int:
    total = 0
    while True:
        with state.database.writes() as connection:
            found = [*connection.execute(old.limit(ROWS_AT_ONCE)).scalars()]
            for start in range(0, len(found), 500):
                some = found[start : start + 500]
                connection.execute(sa.delete(key.table).where(key.in_(some)))
        total += len(found)
        if len(found) < ROWS_AT_ONCE:
            return total


def _refused(folder: Path, before: datetime) -> int:
    """Delete old files of refused scores; each was written once, so its last change is its age."""
    count = 0
    for path in folder.glob("*.ndjson"):
        if datetime.fromtimestamp(path.lstat().st_mtime, UTC) < before:
            path.unlink(missing_ok=True)
            count += 1
    return count


def _plans(state: State) -> int:
    """Delete plans that another plan of the same detector is `KEEP_PLANS` ahead of."""
    count = 0
    for detector in _detectors(state):
        superseded = [*_superseded(state, detector)]
        if not superseded:
            continue
        try:
            with state.lock(detector):
                count += sum(_forget(state, detector, plan) for plan in superseded)
        except StateError:  # another process works on it: another time
            continue
    return count


def _detectors(state: State) -> list[str]:
    t = tables.progress
    several = sa.select(t.c.detector).group_by(t.c.detector).having(sa.func.count() > 1)
    with state.database.reads() as connection:
        return [*connection.execute(several.order_by(t.c.detector)).scalars()]


def _superseded(state: State, detector: str) -> Iterator[str]:
    """Plans of *detector* that are far behind another, were not the last to score, and owe nothing.

    The last to score may be behind, too, as its windows are filled from far back when it begins.
    """
    t = tables.progress
    query = sa.select(t.c.plan_hash, t.c.watermark, t.c.turn, t.c.owed)
    with state.database.reads() as connection:
        rows = connection.execute(query.where(t.c.detector == detector)).all()
    furthest = max(row.watermark for row in rows)
    last = max(row.turn for row in rows)
    owing = {row.owed.partition("/")[0] for row in rows if row.owed}
    return (
        row.plan_hash
        for row in sorted(rows, key=lambda row: row.plan_hash)
        if furthest - row.watermark > KEEP_PLANS and row.turn < last and row.plan_hash not in owing
    )


def _forget(state: State, detector: str, plan_hash: str) -> bool:
    """Delete one plan unless a batch of it is in doubt: first its progress, then its files."""
    t = tables.progress
    following = [batch.next_progress for batch in state.open_batches(detector)]
    if any(after is not None and after.plan_hash == plan_hash for after in following):
        return False
    mine = (t.c.detector == detector, t.c.plan_hash == plan_hash)
    with state.database.writes() as connection:
        connection.execute(sa.delete(t).where(*mine))
    shutil.rmtree(state.windows / detector / plan_hash, ignore_errors=True)
    return True
