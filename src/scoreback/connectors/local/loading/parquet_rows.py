"""Reads Parquet: every column as text, structs under dotted names, lists by their first value."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoreback.connectors.json.flatten import MAX_TEXT, TOO_LONG
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.rows import (
    BATCH_ROWS,
    NOT_UTF8,
    Rows,
    Wanted,
    content_hashes,
)
from scoreback.errors import DataError

_ISO = "%Y-%m-%dT%H:%M:%S"


class ParquetRows:
    """The rows of a Parquet file."""

    def __init__(self, path: Path, wanted: Wanted, rejects: Rejects) -> None:
        """Read the file at *path*."""
        self._path = path
        self._wanted = wanted
        self._rejects = rejects
        self.share = 0.0  # of the rows that have been read

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows in batches."""
        try:
            with pq.ParquetFile(self._path) as file:
                total, begin = file.metadata.num_rows, 1
                self._refuse_too_many(file.metadata.num_columns)
                for batch in file.iter_batches(BATCH_ROWS):
                    yield self._rows(batch, begin)
                    begin += batch.num_rows
                    self.share = (begin - 1) / max(total, 1)
                if not total:
                    yield self._rows(file.schema_arrow.empty_table(), begin)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"{self._path} is damaged: {str(error).splitlines()[0]}",
                hint="export or copy it again; nothing was loaded",
            ) from error

    def _rows(self, batch: pa.RecordBatch | pa.Table, begin: int) -> Rows:
        columns: dict[str, pa.Array] = {}
        for name in batch.schema.names:
            column = batch.column(name)
            if isinstance(column, pa.ChunkedArray):
                column = column.combine_chunks()
            for field, values in _flat(name, column):
                columns.setdefault(field, self._text(field, values))
        self._refuse_too_many(len(columns))
        lines = list(range(begin, begin + batch.num_rows))
        bad = _bad_rows(columns)
        if bad:
            for row, reason in bad.items():
                text = str({n: _shown(c[row]) for n, c in columns.items()})
                self._rejects.add(lines[row], reason, text)
            good = pa.array([i for i in range(batch.num_rows) if i not in bad], pa.int64())
            columns = {name: column.take(good) for name, column in columns.items()}
            lines = [lines[i] for i in good.to_pylist()]
        columns = {name: column.cast(pa.string()) for name, column in columns.items()}
        key = self._wanted.content
        return Rows(
            columns=columns,
            names=columns,
            lines=lines,
            content=content_hashes(columns, len(lines), key) if key is not None else None,
            source=lambda i: str({n: c[i].as_py() for n, c in columns.items()}),
        )

    def _refuse_too_many(self, columns: int) -> None:
        if self._wanted.columns is None and columns > self._wanted.max_columns:
            raise DataError(
                f"{self._path} has {columns:,} fields, more than {self._wanted.max_columns:,}",
                hint="name the fields to load",
            )

    def _text(self, name: str, values: pa.Array) -> pa.Array:
        """*values* as the bytes of their text; times in ISO 8601, with Z if they have an offset."""
        kind = values.type
        try:
            if pa.types.is_timestamp(kind):
                if kind.tz is not None:
                    values = values.cast(pa.timestamp(kind.unit, tz="UTC"))
                values = pc.strftime(values, _ISO + ("Z" if kind.tz is not None else ""))
            if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
                return values.cast(pa.binary())
            return values.cast(pa.string()).cast(pa.binary())
        except pa.ArrowNotImplementedError as error:
            raise DataError(
                f"column {name!r} of {self._path} is {kind}, which has no text",
                hint="leave it out of the export, or name the fields to load",
            ) from error


def _flat(name: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The column without structs, lists and dictionaries."""
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        filled = pc.greater(pc.fill_null(pc.list_value_length(values), 0), 0)
        first = pc.if_else(filled, values.offsets.slice(0, len(values)), None)
        values = values.values.take(first)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not pa.types.is_struct(values.type):
        yield name, values
        return
    for field, part in zip(values.type, values.flatten(), strict=True):
        yield from _flat(f"{name}.{field.name}", part)


def _bad_rows(columns: dict[str, pa.Array]) -> dict[int, str]:
    """Rows with a value that is too long or no UTF-8."""
    bad: dict[int, str] = {}
    for column in columns.values():
        long = pc.fill_null(pc.greater(pc.binary_length(column), MAX_TEXT), False)
        if long.true_count:
            rows = np.flatnonzero(long.to_numpy(zero_copy_only=False)).tolist()
            bad.update(dict.fromkeys(rows, TOO_LONG))
        try:
            column.cast(pa.string())
        except pa.ArrowInvalid:
            for row, value in enumerate(column):
                if not _is_utf8(value.as_py()):
                    bad[row] = NOT_UTF8
    return bad


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(value: pa.Scalar) -> str | None:
    data = value.as_py()
    return None if data is None else data.decode(errors="surrogateescape")
