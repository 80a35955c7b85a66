"""What analysts do with alerts: list, close, reopen and tag them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from scoreback.connectors.closings import refuse_before_event
from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.local.rule_engine.alert_fields import fields_of
from scoreback.connectors.local.rule_engine.verdicts import record_closing, withdraw
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.errors import SiemRefused
from scoreback.records import Alert, Severity, Verdict
from scoreback.times import micros, moment

PAGE = 1_000  # alerts per read


class Alerts:
    """The alerts door."""

    def __init__(self, store: Store) -> None:
        """Work on the alerts of *store*."""
        self._store, self._ledger = store, store.ledger

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:  # noqa: B008 - frozen
        """Yield the alerts of *query*, ordered by the time of their opening event, oldest first."""
        of = ledger.alerts.c
        wanted = _alerts().order_by(of.event_time, of.alert_id).limit(PAGE)
        for column, value in ((of.detector, query.detector), (of.version, query.version)):
            if value is not None:
                wanted = wanted.where(column == value)
        if query.still_open:
            wanted = wanted.where(of.verdict.is_(None))
        if query.window is not None:
            wanted = wanted.where(of.event_time >= micros(query.window.since))
            wanted = wanted.where(of.event_time < micros(query.window.until))
        page = wanted
        while True:
            # one page per transaction, so that a listing blocks no writer
            with self._ledger.reading() as connection:
                rows = connection.execute(page).all()
            yield from map(_alert, rows)
            if len(rows) < PAGE:
                return
            last = sa.tuple_(sa.literal(rows[-1].event_time), sa.literal(rows[-1].alert_id))
            page = wanted.where(sa.tuple_(of.event_time, of.alert_id) > last)

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that the score copied."""
        return fields_of(self._store, alerts)

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; repeating it changes nothing."""
        with self._ledger.writing() as connection:
            alert = _find(connection, alert_id)
            refuse_before_event(alert, at)
            label_time = record_closing(connection, alert, verdict, labeller, at)
            return _set(connection, alert_id, verdict.value, label_time, labeller)

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Reopen the alert and withdraw its verdicts.

        Raises:
            SiemRefused: the alert does not exist.
        """
        with self._ledger.writing() as connection:
            _find(connection, alert_id)
            withdraw(connection, alert_id, at)
            return _set(connection, alert_id, None, None, None)

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; returns how many got it."""
        return self._with_tags(alert_ids, lambda tags: tags if tag in tags else [*tags, tag])

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Remove *tag* from alerts; returns how many had it."""
        return self._with_tags(alert_ids, lambda tags: [one for one in tags if one != tag])

    def _with_tags(self, alert_ids: Sequence[str], change: Callable[[list[str]], list[str]]) -> int:
        """Apply *change* to the tags of alerts; returns how many changed."""
        of, count = ledger.alerts.c, 0
        with self._ledger.writing() as connection:
            for alert_id in dict.fromkeys(alert_ids):
                row = connection.execute(sa.select(of.tags).where(of.alert_id == alert_id)).first()
                before = [] if row is None else list(row.tags or ())
                after = change(before)
                if row is None or after == before:
                    continue
                mine = ledger.alerts.update().where(of.alert_id == alert_id)
                connection.execute(mine.values(tags=after))
                count += 1
        return count


def _alerts() -> sa.Select[Any]:
    members = (
        sa.select(sa.func.count())
        .where(ledger.alert_events.c.alert_id == ledger.alerts.c.alert_id)
        .scalar_subquery()
    )
    verdict = ledger.verdicts.c.alert_id == ledger.alerts.c.alert_id
    judged = sa.exists(sa.select(ledger.verdicts.c.verdict_id).where(verdict))
    return sa.select(ledger.alerts, members.label("events"), judged.label("touched"))


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
            "tags": tuple(values["tags"] or ()),
            "touched": bool(values["touched"]),
        }
    )
