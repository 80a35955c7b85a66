"""Arrow columns: concatenated tables of events, unchunked columns, and the bytes of texts."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of *tables*, which have the same columns in the same order.

    A field may be float64 in one table and text in another that had a value that is not a number;
    then it becomes text in all, with the same meaning.
    """
    first = tables[0].schema
    types = [{table.schema.field(i).type for table in tables} for i in range(len(first))]
    schema = pa.schema([
        field if len(kinds) == 1 else field.with_type(pa.string())
        for field, kinds in zip(first, types, strict=True)
    ])  # fmt: skip
    return pa.concat_tables([
        table if table.schema == schema else table.cast(schema) for table in tables
    ])  # fmt: skip


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array of a column that may come in chunks."""
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def text_bytes(column: pa.Array) -> NDArray[np.uint8]:
    """The UTF-8 bytes of all texts of *column*, concatenated, without creating Python objects."""
    if not len(column):
        return np.zeros(0, np.uint8)
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)
    first, last = ends[column.offset], ends[column.offset + len(column)]
    return np.frombuffer(data or b"", np.uint8)[first:last]
