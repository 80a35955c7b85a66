"""Arrow columns: tables of events put together, and columns in one piece."""

from collections.abc import Sequence

import pyarrow as pa


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of *tables*, which have the same columns in the same order.

    A field may be float64 in one and text in another, which had a value that is no number: then it
    is text in all, and means the same.
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
