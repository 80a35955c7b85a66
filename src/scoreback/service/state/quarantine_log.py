"""What people decided about verdicts in quarantine, and the cases that the last training found.

Each decision has a time: training as of a moment uses those made by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.service.state import tables
from scoreback.service.state.audit import AuditEntry, record
from scoreback.service.state.workspace_state import State

ACCEPTED, REJECTED = "accepted", "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided about a case; the latest decision counts."""

    case_id: str
    decision: str
    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A case as it was last found."""

    case_id: str
    kind: str
    labeller: str
    first: datetime
    last: datetime
    labels: int


def decide(state: State, siem: str, detector: str, decision: Decision) -> None:
    """Store *decision*, and add it to the audit log."""
    row = {
        "connection": siem, "detector": detector, "case_id": decision.case_id,
        "decision": decision.decision, "at": decision.at, "actor": decision.actor,
        "reason": decision.reason,
    }  # fmt: skip
    entry = AuditEntry(
        at=decision.at, actor=decision.actor, action=f"quarantine {decision.decision}",
        detector=detector, detail={"case": decision.case_id, "reason": decision.reason},
    )  # fmt: skip
    with state.database.writes() as connection:
        connection.execute(sa.insert(tables.quarantine_decisions).values(row))
        record(connection, entry)


def decisions(state: State, siem: str, detector: str, as_of: datetime) -> Mapping[str, Decision]:
    """The latest decision on each case, of those made by *as_of*."""
    t = tables.quarantine_decisions
    query = sa.select(t).where(t.c.connection == siem, t.c.detector == detector, t.c.at <= as_of)
    with state.database.reads() as connection:
        rows = connection.execute(query.order_by(t.c.at, t.c.id)).all()
    return {
        row.case_id: Decision(
            case_id=row.case_id, decision=row.decision, at=row.at, actor=row.actor,
            reason=row.reason,
        )
        for row in rows
    }  # fmt: skip


def note(state: State, siem: str, detector: str, kind: str, cases: Sequence[Noted]) -> None:
    """Replace the stored cases of *kind* by *cases*."""
    t = tables.quarantine_cases
    mine = (t.c.connection == siem, t.c.detector == detector, t.c.kind == kind)
    rows = [
        {
            "connection": siem, "detector": detector, "case_id": one.case_id, "kind": one.kind,
            "labeller": one.labeller, "first": one.first, "last": one.last, "labels": one.labels,
        }
        for one in cases
    ]  # fmt: skip
    with state.database.writes() as connection:
        connection.execute(sa.delete(t).where(*mine))
        if rows:
            connection.execute(insert(t).on_conflict_do_nothing(), rows)


def noted(state: State, siem: str, detector: str) -> Sequence[Noted]:
    """The cases last found, by time."""
    t = tables.quarantine_cases
    query = sa.select(t).where(t.c.connection == siem, t.c.detector == detector)
    with state.database.reads() as connection:
        rows = connection.execute(query.order_by(t.c.first, t.c.case_id)).all()
    return [
        Noted(
            case_id=row.case_id, kind=row.kind, labeller=row.labeller, first=row.first,
            last=row.last, labels=row.labels,
        )
        for row in rows
    ]  # fmt: skip
