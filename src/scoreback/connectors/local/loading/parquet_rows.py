"""Reads Parquet: every column as text, structs under dotted names, also inside lists."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.connectors.doors.intake import Fault
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
from scoreback.multivalue import cells, merged, plain, readable

_ISO = "%Y-%m-%dT%H:%M:%S"
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


class ParquetRows:
    """The rows of a Parquet file."""

    def __init__(self, path: Path, wanted: Wanted, rejects: Rejects) -> None:
        """Read the file at *path*."""
        self._path = path
        self._wanted = wanted
        self._rejects = rejects
        self.share = 0.0  # share of the rows read so far

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
        leaves: dict[str, list[_Leaf]] = {}
        for leaf in sorted(
            _leaves_of(batch.select(self._needed(batch.schema))),
            key=lambda leaf: (len(leaf.pointer), leaf.pointer),
        ):
            name = ".".join(leaf.pointer)
            leaves.setdefault(name, []).append(replace(leaf, values=self._text(name, leaf.values)))
        self._refuse_too_many(len(leaves))
        lines = list(range(begin, begin + batch.num_rows))
        bad = _bad_rows(chain.from_iterable(leaves.values()))
        columns = {
            name: merged([leaf.cells(batch.num_rows, bad) for leaf in some])
            for name, some in leaves.items()
        }
        bad |= _too_long(columns)
        if bad:
            for row, reason in bad.items():
                text = str({name: _shown(some, row) for name, some in leaves.items()})
                fault = Fault.ENCODING if reason == NOT_UTF8 else Fault.OTHER
                self._rejects.add(lines[row], reason, text, fault)
            good = pa.array([i for i in range(batch.num_rows) if i not in bad], pa.int64())
            columns = {name: column.take(good) for name, column in columns.items()}
            lines = [lines[i] for i in good.to_pylist()]
        key = self._wanted.content
        return Rows(
            columns=columns,
            names=columns,
            lines=lines,
            content=content_hashes(columns, len(lines), key) if key is not None else None,
            source=lambda i: str(
                {n: readable(c.slice(i, 1))[0].as_py() for n, c in columns.items()}
            ),
        )

    def _needed(self, schema: pa.Schema) -> list[str]:
        """The columns to read: the wanted ones, or all with a text form if rows are hashed."""
        if self._wanted.columns is None:
            return list(schema.names)
        wanted = {name.split(".")[0] for name in self._wanted.columns} | set(self._wanted.columns)
        every = self._wanted.content is not None
        return [f.name for f in schema if f.name in wanted or (every and _has_text(f.type))]

    def _refuse_too_many(self, columns: int) -> None:
        if self._wanted.columns is None and columns > self._wanted.max_columns:
            raise DataError(
                f"{self._path} has {columns:,} fields, more than {self._wanted.max_columns:,}",
                hint="name the fields to load with --field",
            )

    def _text(self, name: str, values: pa.Array) -> pa.Array:
        """*values* as the bytes of their text; times in ISO 8601, with Z if zoned."""
        kind = values.type
        try:
            if isinstance(kind, pa.UuidType):
                texts = [None if one is None else str(one) for one in values.to_pylist()]
                return pa.array(texts, pa.string()).cast(pa.binary())
            if pa.types.is_timestamp(kind):
                if kind.tz is not None:
                    values = values.cast(pa.timestamp(kind.unit, tz="UTC"))
                values = pc.strftime(values, _ISO + ("Z" if kind.tz is not None else ""))
            if pa.types.is_fixed_size_binary(kind):
                raise self._without_text(name, kind)
            if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
                return values.cast(pa.binary())
            return values.cast(pa.string()).cast(pa.binary())
        except pa.ArrowNotImplementedError as error:
            raise self._without_text(name, kind) from error

    def _without_text(self, name: str, kind: pa.DataType) -> DataError:
        return DataError(
            f"column {name!r} of {self._path} is {kind}, which cannot be written as text",
            hint="name the fields to load with --field, or leave it out of the export",
        )


def _has_text(kind: pa.DataType) -> bool:
    """Whether values of *kind* can be written as text, as far as their type shows."""
    if pa.types.is_map(kind):
        return False
    if any(is_list(kind) for is_list in _LISTS):
        return _has_text(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_has_text(field.type) for field in kind)
    return not pa.types.is_fixed_size_binary(kind)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The values that a file holds for one field, and the row of each; None: one value per row."""

    pointer: tuple[str, ...]
    rows: NDArray[np.int64] | None
    values: pa.Array

    def cells(self, rows: int, bad: Collection[int]) -> pa.Array:
        """A cell for each of *rows*; cells of *bad* rows are arbitrary."""
        values = self.values
        if bad:
            where = np.arange(len(values)) if self.rows is None else self.rows
            values = pc.if_else(pa.array(np.isin(where, list(bad))), None, values)
        texts = values.cast(pa.string())
        if self.rows is None:
            return plain(texts)
        offsets = np.searchsorted(self.rows, np.arange(rows + 1))
        return cells(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts))


def _leaves_of(batch: pa.RecordBatch | pa.Table) -> Iterator[_Leaf]:
    for name in batch.schema.names:
        yield from _leaves(_Leaf((name,), None, flat(batch.column(name))))


def _leaves(leaf: _Leaf) -> Iterator[_Leaf]:
    """The leaves of a column, below its structs, lists and dictionaries."""
    rows, values = leaf.rows, leaf.values
    while any(is_list(values.type) for is_list in _LISTS):
        above = pc.list_parent_indices(values).to_numpy().astype(np.int64)
        rows = above if rows is None else rows[above]
        values = pc.list_flatten(values)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not pa.types.is_struct(values.type):
        yield _Leaf(leaf.pointer, rows, values)
        return
    for field, part in zip(values.type, values.flatten(), strict=True):
        yield from _leaves(_Leaf((*leaf.pointer, field.name), rows, part))


def _bad_rows(leaves: Iterable[_Leaf]) -> dict[int, str]:
    """Rows with a value that is too long or not UTF-8."""
    bad: dict[int, str] = {}
    for leaf in leaves:
        wrong: dict[int, str] = {}
        long = pc.fill_null(pc.greater(pc.binary_length(leaf.values), MAX_TEXT), False)
        if long.true_count:
            found = np.flatnonzero(long.to_numpy(zero_copy_only=False)).tolist()
            wrong.update(dict.fromkeys(found, TOO_LONG))
        try:
            leaf.values.cast(pa.string())
        except pa.ArrowInvalid:
            for place, value in enumerate(leaf.values):
                if not _is_utf8(value.as_py()):
                    wrong[place] = NOT_UTF8
        rows = leaf.rows
        bad.update((p if rows is None else int(rows[p]), reason) for p, reason in wrong.items())
    return bad


def _too_long(columns: Mapping[str, pa.Array]) -> dict[int, str]:
    """Rows in which the values of one field together are too long."""
    bad: dict[int, str] = {}
    for column in columns.values():
        longest = pc.max(pc.binary_length(column)).as_py()
        if longest is not None and longest > MAX_TEXT:
            long = pc.fill_null(pc.greater(pc.binary_length(column), MAX_TEXT), False)
            found = np.flatnonzero(long.to_numpy(zero_copy_only=False)).tolist()
            bad.update(dict.fromkeys(found, TOO_LONG))
    return bad


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(leaves: Sequence[_Leaf], row: int) -> str | list[str] | None:
    """The content of *row* as the file has it."""
    found = []
    for leaf in leaves:
        places = [row] if leaf.rows is None else np.flatnonzero(leaf.rows == row).tolist()
        found += [leaf.values[place].as_py() for place in places]
    texts = [data.decode(errors="surrogateescape") for data in found if data is not None]
    return texts if len(texts) > 1 else texts[0] if texts else None
