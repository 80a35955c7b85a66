"""Labels as rows of the label ledger, and back: columns at once, no object per label."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import LABEL_COLUMNS, LABEL_IDENTITY

KEY_DIGITS = 32  # of a row's digest: 128 bits

_KEYED = (*LABEL_IDENTITY, "label_time", "withdrawn")  # what else is told may come to be known


def label_keys(connection: str, detector: str, labels: pa.RecordBatch) -> pa.Array:
    """A digest of each of *labels*: what makes it the same label of *detector* for ever."""
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
    """*labels*, whatever their columns, as rows; times are microseconds."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in labels.columns
    ]
    rows: list[dict[str, Any]] = pa.record_batch(columns, labels.schema.names).to_pylist()
    return rows


def labels_of(columns: Sequence[Sequence[Any]]) -> pa.Table:
    """`LABEL_COLUMNS` of what the columns of rows hold, in their order."""
    arrays = [
        pa.array(values, pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(values, field.type)
        for field, values in zip(LABEL_COLUMNS, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=LABEL_COLUMNS)


def _prefixed(column: pa.Array) -> pa.Array:
    """Each value with its length before it, so that no two rows read alike."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    texts = column.cast(pa.string())
    lengths = pc.binary_length(texts).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(lengths, texts, ":"), "-")
