"""The results of comparing shadows with the champion: stored with their figures, for ever."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from scoreback.service.state import tables
from scoreback.service.state.audit import AuditEntry, record
from scoreback.service.state.workspace_state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """The verdict on a shadow, with its time and figures."""

    detector: str
    version: str
    against: str  # the champion at the time
    at: datetime
    outcome: str
    why: str
    body: Mapping[str, Any]  # JSON values


def note_verdict(connection: sa.Connection, verdict: GateVerdict, *, by: str) -> None:
    """Store *verdict*, and add it to the audit log, in the caller's transaction."""
    row = {
        "detector": verdict.detector,
        "version": verdict.version,
        "against": verdict.against,
        "at": verdict.at,
        "outcome": verdict.outcome,
        "why": verdict.why,
        "body": json.dumps(dict(verdict.body), sort_keys=True, allow_nan=False),
    }
    detail = {name: row[name] for name in ("version", "against", "outcome", "why")}
    entry = AuditEntry(
        at=verdict.at, actor=by, action="compare", detector=verdict.detector,
        detail={name: str(value) for name, value in detail.items()},
    )  # fmt: skip
    connection.execute(sa.insert(tables.gate_verdicts).values(row))
    record(connection, entry)


def last_verdict(state: State, detector: str, version: str) -> GateVerdict | None:
    """The last verdict on *version*; None if it has not been compared yet."""
    t = tables.gate_verdicts
    mine = sa.select(t).where(t.c.detector == detector, t.c.version == version)
    with state.database.reads() as connection:
        row = connection.execute(mine.order_by(t.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _verdict(row)


def last_verdicts(state: State, detector: str) -> dict[str, GateVerdict]:
    """The last verdict on each version of *detector* that was compared."""
    t = tables.gate_verdicts
    latest = sa.select(sa.func.max(t.c.id)).where(t.c.detector == detector).group_by(t.c.version)
    query = sa.select(t).where(t.c.id.in_(latest)).order_by(t.c.id)
    with state.database.reads() as connection:
        return {row.version: _verdict(row) for row in connection.execute(query)}


def _verdict(row: sa.Row[tuple[object, ...]]) -> GateVerdict:
    return GateVerdict(
        detector=row.detector, version=row.version, against=row.against, at=row.at,
        outcome=row.outcome, why=row.why,
        body=tables.from_json(_BODY, row.body, f"gate verdict {row.id}"),
    )  # fmt: skip


def decision_on(verdict: GateVerdict, entries: Sequence[AuditEntry]) -> AuditEntry | None:
    """The first promotion or retirement of the version after *verdict*; None without one.

    Args:
        verdict: the verdict on the version.
        entries: the audit log of the version's detector, newest first.
    """
    for entry in reversed(entries):
        ended = entry.action in DECISIONS and entry.at >= verdict.at
        if ended and entry.detail.get("version") == verdict.version:
            return entry
    return None


DECISIONS = {"promote": "promoted", "retire": "retired"}  # audit log's actions → words for them


_BODY: TypeAdapter[Mapping[str, Any]] = TypeAdapter(dict[str, Any])
