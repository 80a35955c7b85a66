"""What analysts do with alerts: list, close, reopen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from scoreback.connectors.local.rule_engine.verdicts import record_closing, withdraw
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.ledger import micros, moment
from scoreback.connectors.local.storage.store import Store
from scoreback.errors import SiemRefused
from scoreback.records import Alert, Severity, Verdict


class Alerts:
    """The door to alerts."""

    def __init__(self, store: Store) -> None:
        """Work on the alerts of *store*."""
        self._ledger = store.ledger

    def alerts(
        self,
        *,
        detector: str | None = None,
        still_open: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Alert]:
        """Alerts by time of their opening event, oldest first."""
        of = ledger.alerts.c
        query = _alerts().order_by(of.event_time, of.alert_id).limit(limit)
        if detector is not None:
            query = query.where(of.detector == detector)
        if still_open:
            query = query.where(of.verdict.is_(None))
        if since is not None:
            query = query.where(of.event_time >= micros(since))
        with self._ledger.reading() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; closing it again alike changes nothing."""
        with self._ledger.writing() as connection:
            alert = _find(connection, alert_id)
            label_time = record_closing(connection, alert, verdict, labeller, at)
            return _set(connection, alert_id, verdict.value, label_time, labeller)

    def reopen(self, alert_id: str, at: datetime) -> Alert:
        """Open the alert again: the verdicts that stand on it are withdrawn.

        Raises:
            SiemRefused: no such alert.
        """
        with self._ledger.writing() as connection:
            _find(connection, alert_id)
            withdraw(connection, alert_id, at)
            return _set(connection, alert_id, None, None, None)


def _alerts() -> sa.Select[Any]:
    members = (
        sa.select(sa.func.count())
        .where(ledger.alert_events.c.alert_id == ledger.alerts.c.alert_id)
        .scalar_subquery()
    )
    return sa.select(ledger.alerts, members.label("events"))


def _find(connection: sa.Connection, alert_id: str) -> Alert:
    row = connection.execute(_alerts().where(ledger.alerts.c.alert_id == alert_id)).first()
    if row is None:
        raise SiemRefused(
            f"no alert has id {alert_id!r}", hint="list the open alerts and copy the id from there"
        )
    return _alert(row)


def _set(
    connection: sa.Connection,
    alert_id: str,
    verdict: str | None,
    closed_at: int | None,
    labeller: str | None,
) -> Alert:
    change = ledger.alerts.update().where(ledger.alerts.c.alert_id == alert_id)
    connection.execute(change.values(verdict=verdict, closed_at=closed_at, labeller=labeller))
    return _find(connection, alert_id)


def _alert(row: sa.Row[Any]) -> Alert:
    values = dict(row._mapping)
    closed = values["closed_at"]
    return Alert(
        **{
            **values,
            "event_time": moment(values["event_time"]),
            "raised_at": moment(values["raised_at"]),
            "severity": Severity(values["severity"]),
            "verdict": None if values["verdict"] is None else Verdict(values["verdict"]),
            "closed_at": None if closed is None else moment(closed),
        }
    )
