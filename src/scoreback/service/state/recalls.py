"""A journal of rollbacks and the alerts that each takes back, so that an interrupted one goes on.

A recall is *begun* in the transaction that rolls the version back, *listed* once its alerts are
recorded, *carried out* when all of them are tagged and, if asked for, closed, and *done* once
whoever asked for it was told so: whoever was not, and asks again, does not want a second one. When
it is undone, it is *undoing*, then *undone*. It is *abandoned* if it was interrupted and another
version took over.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State

BEGUN, LISTED, CARRIED_OUT, DONE, UNDOING, UNDONE, ABANDONED = (
    "begun", "listed", "carried out", "done", "undoing", "undone", "abandoned",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledAlert:
    """One alert that is taken back, and what was done to it."""

    alert_id: str
    event_time: datetime
    entity: str | None
    score: float  # by the bad version
    restored_score: float  # by the restored one
    tagged: bool = False
    closed_at: datetime | None = None
    reopened: bool = False
    kept: str | None = None  # why it was left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """One rollback."""

    recall_id: int
    connection: str
    detector: str
    bad: str
    restored: str
    at: datetime
    actor: str
    raised_from: datetime | None  # earlier alerts of the bad version are of an earlier reign
    close: bool
    stage: str
    counts: Mapping[str, int] = field(default_factory=dict)


class Recalls:
    """The recalls of one state."""

    def __init__(self, state: State) -> None:
        """Work on *state*, which stays the caller's to close."""
        self._database = state.database

    def latest(self, detector: str) -> Recall | None:
        """The newest recall of *detector*."""
        t = tables.recalls
        query = sa.select(t).where(t.c.detector == detector).order_by(t.c.id.desc()).limit(1)
        with self._database.reads() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _recall(row)

    def since(self, detector: str, since: datetime) -> Sequence[Recall]:
        """The recalls of *detector* from a time on, oldest first."""
        t = tables.recalls
        query = sa.select(t).where(t.c.detector == detector, t.c.at >= since).order_by(t.c.id)
        with self._database.reads() as connection:
            return [_recall(row) for row in connection.execute(query)]

    def alerts(self, recall: Recall) -> Sequence[RecalledAlert]:
        """The alerts that *recall* takes back, by time."""
        t = tables.recalled_alerts
        query = sa.select(t).where(t.c.recall == recall.recall_id)
        with self._database.reads() as connection:
            rows = connection.execute(query.order_by(t.c.event_time, t.c.alert_id)).all()
        return [
            RecalledAlert(
                **{name: value for name, value in row._mapping.items() if name != "recall"}
            )
            for row in rows
        ]

    def reopened(self, detector: str) -> set[str]:
        """Ids of alerts of *detector* that we closed and opened again."""
        a, r = tables.recalled_alerts, tables.recalls
        query = sa.select(a.c.alert_id).join(r, r.c.id == a.c.recall)
        with self._database.reads() as connection:
            return {*connection.scalars(query.where(r.c.detector == detector, a.c.reopened))}

    def list(
        self, recall: Recall, alerts: Iterable[RecalledAlert], counts: Mapping[str, int]
    ) -> None:
        """Record which alerts a *begun* recall takes back; the list does not change any more."""
        t, r = tables.recalled_alerts, tables.recalls
        rows = [
            {
                "recall": recall.recall_id,
                "alert_id": one.alert_id,
                "event_time": one.event_time,
                "entity": one.entity,
                "score": one.score,
                "restored_score": one.restored_score,
                "tagged": False,
                "reopened": False,
            }
            for one in alerts
        ]
        mine = sa.update(r).where(r.c.id == recall.recall_id, r.c.stage == BEGUN)
        told = json.dumps(dict(counts), sort_keys=True)
        with self._database.writes() as connection:
            if connection.execute(mine.values(stage=LISTED, counts=told)).rowcount and rows:
                connection.execute(sa.insert(t), rows)

    def note(self, recall: Recall, alert_ids: Sequence[str], **values: object) -> None:
        """Record what was done to alerts of *recall*, in columns of `RecalledAlert`."""
        t = tables.recalled_alerts
        with self._database.writes() as connection:
            for name in alert_ids:
                one = (t.c.recall == recall.recall_id, t.c.alert_id == name)
                connection.execute(sa.update(t).where(*one).values(**values))

    def reach(self, recall: Recall, stage: str) -> None:
        """Record that *recall* has come to *stage*."""
        with self._database.writes() as connection:
            reach(connection, recall, stage)


def begin(
    connection: sa.Connection,
    *,
    siem: str,
    detector: str,
    bad: str,
    restored: str,
    at: datetime,
    actor: str,
    raised_from: datetime | None,
    close: bool,
) -> None:
    """Begin a recall, in the caller's transaction."""
    row = {
        "connection": siem, "detector": detector, "bad": bad, "restored": restored, "at": at,
        "actor": actor, "raised_from": raised_from, "close": close, "stage": BEGUN, "counts": "{}",
    }  # fmt: skip
    connection.execute(sa.insert(tables.recalls).values(row))


def reach(connection: sa.Connection, recall: Recall, stage: str) -> None:
    """Record that *recall* has come to *stage*, in the caller's transaction."""
    t = tables.recalls
    connection.execute(sa.update(t).where(t.c.id == recall.recall_id).values(stage=stage))


def _recall(row: sa.Row[tuple[object, ...]]) -> Recall:
    values = dict(row._mapping)
    number = values.pop("id")
    counts = tables.from_json(_COUNTS, values.pop("counts"), f"recall {number}")
    return Recall(recall_id=number, counts=counts, **values)


_COUNTS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])
