"""The audit log: who did what to which detector, and when; written in the same transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import JsonValue, TypeAdapter

from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log."""

    at: datetime
    actor: str
    action: str
    detector: str
    detail: Mapping[str, JsonValue]


def record(connection: sa.Connection, entry: AuditEntry) -> None:
    """Add *entry* to the log, in the caller's transaction."""
    values = {
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "detector": entry.detector,
        "detail": json.dumps(dict(entry.detail), sort_keys=True, allow_nan=False),
    }
    connection.execute(sa.insert(tables.audit).values(values))


def audit_log(
    state: State,
    detector: str | None = None,
    limit: int | None = None,
    *,
    since: datetime | None = None,
) -> Sequence[AuditEntry]:
    """The log, newest first: of one *detector*, at most *limit* entries, from *since* on."""
    t = tables.audit
    query = sa.select(t).order_by(t.c.id.desc()).limit(limit)
    if detector is not None:
        query = query.where(t.c.detector == detector)
    if since is not None:
        query = query.where(t.c.at >= since)
    with state.database.reads() as connection:
        rows = connection.execute(query).all()
    return [
        AuditEntry(
            at=row.at,
            actor=row.actor,
            action=row.action,
            detector=row.detector,
            detail=tables.from_json(_DETAIL, row.detail, f"audit entry {row.id}"),
        )
        for row in rows
    ]


_DETAIL: TypeAdapter[Mapping[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
