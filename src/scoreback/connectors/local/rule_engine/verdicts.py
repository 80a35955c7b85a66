"""The verdict ledger: how analysts judged events, and when."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.records import (
    LABEL_COLUMNS,
    Alert,
    LabelBatch,
    Refused,
    Verdict,
    WriteReport,
    wrong_label,
)
from scoreback.times import micros

OWN_LABELLER = "scoreback"  # what we close ourselves is no analyst's verdict

_TIMES = ("since", "until", "label_time")


class Labels:
    """The door to labels."""

    def __init__(self, store: Store) -> None:
        """Read the verdicts of *store*."""
        self._store = store

    def read(self, since: datetime) -> Iterator[LabelBatch]:
        """Yield the verdicts given at or after *since*, in order of label time."""
        return labels(self._store, since)


def labels(store: Store, since: datetime) -> Iterator[LabelBatch]:
    """Yield the verdicts given at or after *since*, in order of label time.

    Verdicts of reopened alerts, and what we closed ourselves, are left out.
    """
    of = ledger.verdicts.c
    after = (micros(since), -1)
    while True:
        query = (
            sa.select(ledger.verdicts)
            .where(sa.tuple_(of.label_time, of.verdict_id) > sa.tuple_(*map(sa.literal, after)))
            .where(of.withdrawn_at.is_(None), of.labeller != OWN_LABELLER)
            .order_by(of.label_time, of.verdict_id)
            .limit(BATCH_ROWS)
        )
        with store.ledger.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        after = (rows[-1]["label_time"], rows[-1]["verdict_id"])
        yield LabelBatch(_batch(rows))


def add_verdicts(store: Store, batch: LabelBatch) -> WriteReport:
    """Add verdicts that analysts gave elsewhere; the same verdict again changes nothing.

    A verdict about nothing (no event, and no entity with a time) or with an unknown word is
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
            good.append({**row, "verdict_key": _key(row)})
    with store.ledger.writing() as connection:
        count = sa.select(sa.func.count()).select_from(ledger.verdicts)
        before = connection.scalar(count) or 0
        if good:
            insert = sqlite.insert(ledger.verdicts).on_conflict_do_nothing()
            connection.execute(insert, good)
        written = (connection.scalar(count) or 0) - before
    return WriteReport(written=written, already_there=len(good) - written, refused=tuple(refused))


def record_closing(
    connection: sa.Connection, alert: Alert, verdict: Verdict, labeller: str, at: datetime
) -> int:
    """Add the closing of *alert* within a writing transaction; its label time.

    The same closing told twice is one. Another one has a later time than the last, even where the
    clock was set back.
    """
    of = ledger.verdicts.c
    label_time = micros(at)
    last = connection.execute(
        sa.select(ledger.verdicts)
        .where(of.alert_id == alert.alert_id)
        .order_by(of.label_time.desc())
        .limit(1)
    ).first()
    if last is not None:
        same = (last.verdict, last.labeller, last.withdrawn_at) == (verdict.value, labeller, None)
        if same and last.label_time == label_time:
            return label_time
        label_time = max(label_time, last.label_time + 1)
    row = {
        "alert_id": alert.alert_id,
        "event_id": alert.event_id,
        "verdict": verdict.value,
        "label_time": label_time,
        "labeller": labeller,
        "source": "verdict",
    }
    connection.execute(ledger.verdicts.insert().values(**row, verdict_key=_key(row)))
    return label_time


def withdraw(connection: sa.Connection, alert_id: str, at: datetime) -> None:
    """Take back the verdicts on an alert within a writing transaction."""
    of = ledger.verdicts.c
    change = ledger.verdicts.update().where(of.alert_id == alert_id, of.withdrawn_at.is_(None))
    connection.execute(change.values(withdrawn_at=micros(at)))


def _key(row: Mapping[str, Any]) -> str:
    names = (
        "alert_id", "event_id", "entity", "since", "until", "verdict", "label_time", "labeller",
        "source",
    )  # fmt: skip
    return hashlib.sha256(json.dumps([row.get(n) for n in names]).encode()).hexdigest()


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = [
        pa.array([row[field.name] for row in rows], pa.int64()).cast(field.type)
        if field.name in _TIMES
        else pa.array([row[field.name] for row in rows], field.type)
        for field in LABEL_COLUMNS
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LABEL_COLUMNS)
