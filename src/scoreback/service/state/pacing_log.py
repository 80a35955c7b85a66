"""What pacing stores in the state, in the transaction that begins a step's batch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import starmap
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from scoreback.errors import StateError
from scoreback.models.judging.judged import Judged
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacing import BUDGET_SPENT, Cut, Tick
from scoreback.models.judging.past import Past
from scoreback.models.judging.past import joined as joined_past
from scoreback.models.judging.past_file import read_past, written_past
from scoreback.models.judging.showing import JOINED_DAYS
from scoreback.records import Stage
from scoreback.service.state import tables
from scoreback.service.state.audits import Audited, note_audits
from scoreback.service.state.database import Database
from scoreback.service.state.explored import Candidate, note_candidates
from scoreback.times import HOUR_US, micros, moment

LOOK_BACK = timedelta(days=JOINED_DAYS)  # also enough to hold a fortnight of days with alerts
_COUNTED_FOR = timedelta(days=3)  # a day of 25 hours in any zone, and the UTC days it touches
_JOINED_AFTER = timedelta(hours=6)  # of event time; whatever is in doubt is younger
_MERGED_FROM = 64  # rows; fewer are not worth merging


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedStep:
    """One model's result for a step."""

    version: str
    stage: Stage
    judged: Judged
    pace: str  # digest of what cuts depend on
    audited: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    audits: tuple[Audited, ...] = ()  # drawn from units without an alert, at the places *audited*
    # Of a shadow: places of what only it would show and is shown, and all that only it would show.
    explored: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    candidates: tuple[Candidate, ...] = ()

    @property
    def beside(self) -> tuple[Stage, NDArray[np.int64], list[float]]:
        """What is shown besides alerts: in which stage, at which places, and with which chances."""
        if self.stage is Stage.LIVE:
            return Stage.AUDIT, self.audited, [one.chance for one in self.audits]
        return Stage.EXPLORE, self.explored, [one.chance for one in self.candidates if one.shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a pacer continues from."""

    past: tuple[Past, ...]
    opened: tuple[Opening, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The threshold of one hour, as it was in force."""

    since: datetime
    version: str
    score: float
    left: float
    reason: str


def note_steps(
    connection: sa.Connection, batch_id: str, detector: str, steps: Sequence[PacedStep]
) -> None:
    """Store *steps* of the batch, in the caller's transaction; a second call replaces them."""
    for table in (tables.paced_steps, tables.paced_ticks):
        connection.execute(sa.delete(table).where(table.c.batch_id == batch_id))
    candidates = [one for step in steps for one in step.candidates]
    note_candidates(connection, batch_id, detector, candidates)
    for step in steps:
        if step.stage is Stage.LIVE:
            note_audits(connection, batch_id, detector, step.version, step.audits)
        past = step.judged.past
        if not past.hours:
            continue
        name = {
            "batch_id": batch_id,
            "detector": detector,
            "version": step.version,
            "stage": step.stage.value,
        }
        connection.execute(
            sa.insert(tables.paced_steps).values(**name, **_row(past, step.judged.held_back))
        )
        if step.judged.ticks:
            ticks = [
                {
                    **name,
                    "since": moment(tick.since),
                    "score": tick.cut.score,
                    "share": tick.cut.share,
                    "left_over": tick.left,
                    "reason": tick.reason,
                    "pace": step.pace,
                }
                for tick in step.judged.ticks
            ]
            connection.execute(sa.insert(tables.paced_ticks), ticks)


def remembered(
    database: Database,
    detector: str,
    version: str,
    stage: Stage,
    pace: str,
    *,
    joined: bool = False,
) -> Remembered:
    """What is stored of *detector* for continuing with *version*.

    Args:
        database: the database of the state.
        detector: the detector's name.
        version: the model's version; what it scored in another stage counts too.
        stage: the stage in which alerts count as opened, by any version; a shadow's alerts, which
            nobody is shown, count only for itself.
        pace: digest of what cuts depend on; cuts that were set under another are left out.
        joined: return what was opened in all of `LOOK_BACK`, as late hits may join it; otherwise
            only what counts towards a day's budget.

    Raises:
        StateError: what is stored is damaged.
    """
    t, k = tables.paced_steps, tables.paced_ticks
    with database.reads() as connection:
        last = connection.scalar(sa.select(sa.func.max(t.c.until)).where(t.c.detector == detector))
        if last is None:
            return Remembered(past=(), opened=(), ticks=())
        recent = sa.select(t).where(t.c.detector == detector, t.c.until > last - LOOK_BACK)
        rows = connection.execute(recent.order_by(t.c.since, t.c.batch_id)).all()
        ticks = connection.execute(
            sa.select(k)
            .where(k.c.detector == detector, k.c.version == version, k.c.stage == stage.value)
            .where(k.c.pace == pace, k.c.since > last - LOOK_BACK)
            .order_by(k.c.id)
        ).all()
    pasts, opened = list[Past](), list[Opening]()
    opened_for = LOOK_BACK if joined else _COUNTED_FOR
    for row in rows:
        counts = row.stage == stage.value and row.until > last - opened_for
        counts = counts and (stage is Stage.LIVE or row.version == version)
        if not counts and row.version != version:
            continue
        past = _past(row.past, detector)
        if row.version == version:
            pasts.append(past)
        if counts:
            units = past.units.take(np.flatnonzero(past.opened))
            columns = (units.times, units.event_times, units.entities)
            opened.extend(starmap(Opening, zip(*(c.tolist() for c in columns), strict=True)))
    return Remembered(
        past=tuple(pasts),
        opened=tuple(opened),
        ticks=tuple(
            Tick(
                since=micros(row.since), cut=Cut(row.score, row.share), left=row.left_over,
                reason=row.reason,
            )
            for row in ticks
        ),
    )  # fmt: skip


def thresholds(
    database: Database, detector: str, since: datetime, until: datetime
) -> list[Threshold]:
    """The thresholds of live scores for events in ``[since, until)``, one per hour, ascending."""
    k = tables.paced_ticks
    query = (
        sa.select(k)
        .where(k.c.detector == detector, k.c.stage == Stage.LIVE.value)
        .where(k.c.since >= since, k.c.since < until)
        .order_by(k.c.id)
    )
    with database.reads() as connection:
        latest = {row.since: row for row in connection.execute(query)}
    return [_threshold(row) for _, row in sorted(latest.items())]


def latest_threshold(database: Database, detector: str, version: str) -> Threshold | None:
    """The threshold that last judged live scores of *version*; None before the first."""
    k = tables.paced_ticks
    mine = (k.c.detector == detector, k.c.version == version, k.c.stage == Stage.LIVE.value)
    newest = sa.select(k).where(*mine).order_by(k.c.since.desc(), k.c.id.desc()).limit(1)
    with database.reads() as connection:
        row = connection.execute(newest).one_or_none()
    return None if row is None else _threshold(row)


def latest_cut(database: Database, detector: str, version: str) -> Cut | None:
    """The cut that last judged live scores of *version*; None before the first.

    Cuts of hours when the day had no alerts left are skipped: they only say what was still shown.
    """
    k = tables.paced_ticks
    mine = (
        k.c.detector == detector,
        k.c.version == version,
        k.c.stage == Stage.LIVE.value,
        k.c.reason != BUDGET_SPENT,
    )
    newest = sa.select(k.c.score, k.c.share).where(*mine)
    with database.reads() as connection:
        row = connection.execute(
            newest.order_by(k.c.since.desc(), k.c.id.desc()).limit(1)
        ).one_or_none()
    return None if row is None else Cut(row.score, row.share)


def suppressed_since(database: Database, detector: str, since: datetime) -> int:
    """How many live hits from *since* on joined an alert and so were held back.

    Hours are counted whole, beginning with the one that *since* is in.

    Raises:
        StateError: what is stored is damaged.
    """
    t = tables.paced_steps
    mine = (t.c.detector == detector, t.c.stage == Stage.LIVE.value, t.c.until > since)
    with database.reads() as connection:
        rows = connection.execute(sa.select(t.c.past).where(*mine)).all()
    first = micros(since) // HOUR_US * HOUR_US
    return sum(
        count
        for row in rows
        for hour, count in _past(row.past, detector).suppressed.items()
        if hour >= first
    )


def join_old_steps(database: Database, detector: str, *, least: int = _MERGED_FROM) -> None:
    """Merge the older steps of each day, version and stage into one row.

    A step is written every few minutes; reading thousands of them would cost each run more than
    scoring.
    """
    t = tables.paced_steps
    with database.reads() as connection:
        last = connection.scalar(sa.select(sa.func.max(t.c.until)).where(t.c.detector == detector))
        if last is None:
            return
        old = (t.c.detector == detector, t.c.until <= last - _JOINED_AFTER)
        groups = connection.execute(
            sa.select(t.c.version, t.c.stage, sa.func.count().label("rows"))
            .where(*old)
            .group_by(t.c.version, t.c.stage)
        ).all()
    for group in groups:
        if group.rows >= least:
            _join(database, detector, group.version, group.stage, last)


def _join(database: Database, detector: str, version: str, stage: str, last: datetime) -> None:
    t = tables.paced_steps
    mine = (
        t.c.detector == detector, t.c.version == version, t.c.stage == stage,
        t.c.until <= last - _JOINED_AFTER,
    )  # fmt: skip
    with database.writes() as connection:
        rows = connection.execute(sa.select(t).where(*mine).order_by(t.c.since)).all()
        connection.execute(sa.delete(t).where(*mine))
        days: dict[date, list[Past]] = {}
        held_back: dict[date, int] = {}
        for row in rows:
            if row.until > last - LOOK_BACK:
                day = row.since.date()
                days.setdefault(day, []).append(_past(row.past, detector))
                held_back[day] = held_back.get(day, 0) + row.held_back
        for day, pasts in days.items():
            name = hashlib.sha256(f"{detector}/{version}/{stage}/{day}".encode()).hexdigest()[:32]
            who = {"batch_id": name, "detector": detector, "version": version, "stage": stage}
            values = who | _row(joined_past(pasts), held_back[day])
            connection.execute(sa.insert(t).values(values))


def _threshold(row: Any) -> Threshold:  # noqa: ANN401 - a row of the ticks
    return Threshold(
        since=row.since, version=row.version, score=row.score, left=row.left_over,
        reason=row.reason,
    )  # fmt: skip


def _row(past: Past, held_back: int) -> dict[str, object]:
    return {
        "since": moment(min(past.hours)),
        "until": moment(max(past.hours)) + timedelta(hours=1),
        "held_back": held_back,
        "past": written_past(past),
    }


def _past(content: bytes, detector: str) -> Past:
    try:
        return read_past(content)
    except ValueError as error:
        raise StateError(
            f"the pacing state of {detector!r} is damaged: {error}",
            hint="restore the state folder from a backup",
        ) from error
