"""Converts labels to rows of the label ledger and back, by column, without an object per label."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import LABEL_COLUMNS, LABEL_IDENTITY

KEY_DIGITS = 32  # of a row's digest: 128 bits

_KEYED = (*LABEL_IDENTITY, "label_time", "withdrawn")  # other columns may become known later


def label_keys(connection: str, detector: str, labels: pa.RecordBatch) -> pa.Array:
    """A digest of each of *labels*: it identifies the label of *detector* for ever."""
    shared = hashlib.sha256()
    for part in (connection, detector):
        shared.update(f"{len(part)}:{part}".encode())
    found = []
    texts = pc.binary_join_element_wise(*(_prefixed(labels.column(n)) for n in _KEYED), "")
    for text in texts.to_pylist():
        digest = shared.copy()
        digest.update(text.encode())
        found.append(digest.hexdigest()[:KEY_DIGITS])
    return pa.array(found, pa.string())


def rows_of(labels: pa.RecordBatch) -> list[dict[str, Any]]:
    """*labels*, with any columns, as rows; times are microseconds."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in labels.columns
    ]
    rows: list[dict[str, Any]] = pa.record_batch(columns, labels.schema.names).to_pylist()
    return rows


def labels_of(columns: Sequence[Sequence[Any]]) -> pa.Table:
    """A table of `LABEL_COLUMNS` from the columns of rows, in their order."""
    arrays = [
        pa.array(values, pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(values, field.type)
        for field, values in zip(LABEL_COLUMNS, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=LABEL_COLUMNS)


def ends_of_alerts(labels: pa.RecordBatch) -> pa.Array:
    """Which of *labels* say that earlier labels of their alert no longer hold."""
    unnamed = pc.and_(pc.is_null(labels.column("event_id")), pc.is_null(labels.column("entity")))
    of_alert = pc.and_(labels.column("withdrawn"), pc.is_valid(labels.column("alert_id")))
    return pc.and_(unnamed, of_alert)


def withdrawals_of(told: pa.Table, ends: pa.RecordBatch) -> pa.RecordBatch:
    """The withdrawals by which *ends* end what was *told* of the same alerts.

    Args:
        told: labels and withdrawals, in order of label time.
        ends: rows that `ends_of_alerts` finds, in order of label time.
    """
    history: dict[str, list[dict[str, Any]]] = {}
    for row in told.to_pylist():
        history.setdefault(row["alert_id"], []).append(row)
    found = []
    for end in ends.select(["alert_id", "label_time"]).to_pylist():
        rows = history.get(end["alert_id"], [])
        standing: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            if row["label_time"] > end["label_time"]:
                continue
            identity = tuple(row[name] for name in LABEL_IDENTITY)
            if row["withdrawn"]:
                standing.pop(identity, None)
            elif row["label_time"] < end["label_time"]:
                standing[identity] = row
        withdrawals = [
            {**row, "label_time": end["label_time"], "withdrawn": True} for row in standing.values()
        ]
        found += withdrawals
        rows.extend(withdrawals)
    return pa.RecordBatch.from_pylist(found, schema=LABEL_COLUMNS)


def _prefixed(column: pa.Array) -> pa.Array:
    """Each value with its length before it, so that no two rows give the same text."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    texts = column.cast(pa.string())
    lengths = pc.binary_length(texts).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(lengths, texts, ":"), "-")
