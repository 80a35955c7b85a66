"""The alerts that the service closed itself, as such closings say nothing about analysts' views.

They are recognised by alert, verdict and time, never by a user's name: anybody may have our name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.records import Verdict
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClosure:
    """One closing of ours in one SIEM."""

    connection: str
    alert_id: str
    verdict: Verdict
    closed_at: datetime  # the time of its label: `Alert.closed_at` as the door gave it back


def record(state: State, closures: Sequence[OwnClosure]) -> None:
    """Record that *closures* are ours; a second call changes nothing.

    Record a closing before it is sent, so that no crash turns it into a label, and again if the
    door gave it another time.
    """
    rows = [
        {
            "connection": closure.connection,
            "alert_id": closure.alert_id,
            "verdict": closure.verdict.value,
            "closed_at": closure.closed_at,
        }
        for closure in closures
    ]
    if rows:
        with state.database.writes() as connection:
            connection.execute(insert(tables.own_closures).on_conflict_do_nothing(), rows)


def own_closures(state: State, connection: str) -> Sequence[OwnClosure]:
    """Our closings in the SIEM of *connection*, by time."""
    t = tables.own_closures
    query = sa.select(t).where(t.c.connection == connection)
    with state.database.reads() as transaction:
        rows = transaction.execute(query.order_by(t.c.closed_at, t.c.alert_id)).all()
    return [
        OwnClosure(
            connection=row.connection,
            alert_id=row.alert_id,
            verdict=Verdict(row.verdict),
            closed_at=row.closed_at,
        )
        for row in rows
    ]
