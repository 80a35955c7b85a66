"""The verdicts of analysts on events and alerts, with their times; none is ever replaced."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.closings import Closing, next_time, repeated, standing
from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.connectors.local.storage.verdict_key import verdict_key
from scoreback.records import (
    LABEL_COLUMNS,
    Alert,
    LabelBatch,
    LabelQuery,
    Refused,
    Verdict,
    WriteReport,
    wrong_label,
)
from scoreback.times import micros, moment

_TIMES = ("since", "until", "label_time")


class Labels:
    """The labels door."""

    def __init__(self, store: Store) -> None:
        """Read the verdicts of *store*."""
        self._store = store

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts of *query*, in order of label time."""
        return labels(self._store, query)


def labels(store: Store, query: LabelQuery) -> Iterator[LabelBatch]:
    """Yield the verdicts of *query*, in order of label time."""
    of = ledger.verdicts.c
    wanted = [of[name] for name in LABEL_COLUMNS.names]
    asked = sa.select(of.verdict_id, *wanted).order_by(of.label_time, of.verdict_id)
    if query.until is not None:
        asked = asked.where(of.label_time < micros(query.until))
    if query.rules:
        asked = asked.where(of.rule.in_(query.rules))
    after = (micros(query.since), -1)
    while True:
        page = asked.where(
            sa.tuple_(of.label_time, of.verdict_id) > sa.tuple_(*map(sa.literal, after))
        ).limit(BATCH_ROWS)
        with store.ledger.reading() as connection:
            rows = connection.execute(page).all()
        if not rows:
            return
        after = (rows[-1].label_time, rows[-1].verdict_id)
        _ids, *columns = zip(*rows, strict=True)
        yield _batch(columns, len(rows))


def add_verdicts(store: Store, batch: LabelBatch) -> WriteReport:
    """Add verdicts that analysts gave elsewhere; adding one again changes nothing.

    A verdict without a subject (no event, and no entity with a time) or with an unknown value is
    reported as refused.
    """
    table = batch.batch.select(LABEL_COLUMNS.names)
    for name in _TIMES:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table.column(index).cast(pa.int64()))
    good: list[dict[str, Any]] = []
    refused: list[Refused] = []
    for number, row in enumerate(table.to_pylist()):
        reason = wrong_label(row)
        if reason:
            item = str(row["event_id"] or row["entity"] or f"row {number + 1}")
            refused.append(Refused(item_id=item, reason=reason))
        else:
            good.append({**row, "verdict_key": verdict_key(row)})
    with store.ledger.writing() as connection:
        count = sa.select(sa.func.count()).select_from(ledger.verdicts)
        before = connection.scalar(count) or 0
        if good:
            _insert(connection, good)
        written = (connection.scalar(count) or 0) - before
    return WriteReport(written=written, already_there=len(good) - written, refused=tuple(refused))


def record_closing(
    connection: sa.Connection, alert: Alert, verdict: Verdict, labeller: str, at: datetime
) -> int:
    """Record the closing of *alert* within a writing transaction; returns its label time.

    Repeating a closing that stands adds nothing. A different closing gets a later time than the
    last, even if the clock was set back.
    """
    history = _history(_told(connection, alert.alert_id))
    before = repeated(history, verdict.value, labeller)
    if before is not None:
        return micros(before.label_time)
    row = {
        "alert_id": alert.alert_id,
        "event_id": alert.event_id,
        "verdict": verdict.value,
        "label_time": micros(next_time(history, at)),
        "labeller": labeller,
        "source": "verdict",
        "propensity": alert.chance,
        "rule": alert.rule,
        "withdrawn": False,
    }
    _insert(connection, [{**row, "verdict_key": verdict_key(row)}])
    return micros(next_time(history, at))


def withdraw(connection: sa.Connection, alert_id: str, at: datetime) -> None:
    """Withdraw the verdicts that stand on an alert, within a writing transaction."""
    told = _told(connection, alert_id)
    history = _history(told)
    rows = []
    for place in standing(history):
        row = {name: told[place][name] for name in LABEL_COLUMNS.names}
        row |= {"label_time": micros(next_time(history, at)), "withdrawn": True}
        rows.append({**row, "verdict_key": verdict_key(row)})
    if rows:
        _insert(connection, rows)


def _told(connection: sa.Connection, alert_id: str) -> list[dict[str, Any]]:
    of = ledger.verdicts.c
    query = sa.select(ledger.verdicts).where(of.alert_id == alert_id)
    found = connection.execute(query.order_by(of.label_time, of.verdict_id)).mappings()
    return [dict(row) for row in found]


def _history(told: list[dict[str, Any]]) -> list[Closing]:
    return [
        Closing(
            verdict=row["verdict"],
            labeller=row["labeller"],
            label_time=moment(row["label_time"]),
            withdrawn=row["withdrawn"],
        )
        for row in told
    ]


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(sqlite.insert(ledger.verdicts).on_conflict_do_nothing(), rows)


def _batch(columns: Sequence[Sequence[Any]], rows: int) -> LabelBatch:
    arrays = {
        field.name: pa.array(values, pa.int64()).cast(field.type)
        if field.name in _TIMES
        else pa.array(values, field.type)
        for field, values in zip(LABEL_COLUMNS, columns, strict=True)
    }
    return LabelBatch.of(arrays, rows)
