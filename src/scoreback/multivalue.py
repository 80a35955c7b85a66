"""Fields with several values: how a text column holds lists, and how features read them.

Nearly every field of nearly every event has one value, and then its cell is that text. A list is
written into one text as well: each value preceded by `MARK`. So one type of column holds both, and
whatever stores, sorts, joins or carries events needs to know nothing of lists; only who asks for
values looks for the mark, at the first byte of each cell. An Arrow column of lists would cost every
single value an offset and every file, query and cast of the product a second type.

Nothing is ambiguous: a value that begins with `MARK` itself is written as a list of one, and within
lists `MARK` and `_ESCAPE` are escaped. Nulls and empty texts in a list are not values and are left
out; a list of one value is that value, a list without any is missing. Order and repeats are kept.

What stands in such a cell is ours: what people read is `readable`, what a SIEM gets are `lists`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat, text_bytes

# Two of Unicode's noncharacters, which are for a program's internal use: texts from outside should
# not contain them, and those that do are escaped.
MARK, _ESCAPE = "\ufdd0", "\ufdd1"
_FIRST_BYTES = MARK.encode()
_FIRST_BYTE = _FIRST_BYTES[0]
_OF_ESCAPE, _OF_MARK = _ESCAPE + "0", _ESCAPE + "1"
_READABLE = ", "


def cell(values: Iterable[str | None]) -> str | None:
    """The cell of a field with *values*; None if there are none."""
    given = [value for value in values if value is not None]
    some = [value for value in given if value]
    if not some:
        return "" if given else None
    if len(some) == 1 and not some[0].startswith(MARK):
        return some[0]
    return "".join(
        MARK + value.replace(_ESCAPE, _OF_ESCAPE).replace(MARK, _OF_MARK) for value in some
    )


def values_of(text: str) -> list[str]:
    """The values of one cell, in order; a single one if it holds no list."""
    if not text.startswith(MARK):
        return [text]
    return [
        value.replace(_OF_MARK, MARK).replace(_OF_ESCAPE, _ESCAPE) for value in text[1:].split(MARK)
    ]


def cells(lists: pa.ListArray) -> pa.Array:
    """The column of some *lists* of texts, as `cell` writes each."""
    offsets = lists.offsets.to_numpy()
    values = flat(lists.values).slice(offsets[0], offsets[-1] - offsets[0])
    lengths = np.where(lists.is_valid().to_numpy(zero_copy_only=False), np.diff(offsets), 0)
    rows = np.repeat(np.arange(len(lists)), np.diff(offsets))
    absent = pc.is_null(values).to_numpy(zero_copy_only=False)
    empty = pc.fill_null(pc.equal(values, ""), False).to_numpy(zero_copy_only=False)
    hidden = lengths[rows] == 0  # the values that a null list still points to
    some = ~(absent | empty | hidden)
    counts = np.bincount(rows[some], minlength=len(lists))
    blank = np.bincount(rows[empty & ~hidden], minlength=len(lists)) > 0
    kept = values if some.all() else values.filter(pa.array(some))
    starts = np.concatenate(([0], np.cumsum(counts)))
    alone = pa.array(np.minimum(starts[:-1], max(len(kept) - 1, 0)), mask=counts != 1)
    found = plain(kept.take(alone) if len(kept) else pa.nulls(len(lists), pa.string()))
    if (counts > 1).any():
        several = pa.array(counts > 1)
        inner = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), _escaped(kept))
        joined = pc.binary_join(inner.filter(several), MARK)
        marked = pc.binary_join_element_wise("", joined, MARK)
        found = pc.replace_with_mask(found, several, marked)
    missing = blank & (counts == 0)
    return pc.if_else(pa.array(missing), "", found) if missing.any() else found


def plain(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column of *texts*, each of which is one value, even if it begins with `MARK`."""
    column = flat(texts)
    if not has_lists(column):
        return column
    marked = _marked(column)
    escaped = pc.binary_join_element_wise("", _escaped(column.filter(marked)), MARK)
    return pc.replace_with_mask(column, marked, escaped)


def merged(columns: Sequence[pa.Array]) -> pa.Array:
    """Merge columns into one: each row has the values of all, in the order of *columns*."""
    if len(columns) == 1:
        return columns[0]
    held = sum(column.is_valid().to_numpy(zero_copy_only=False).astype(np.int8)
               for column in columns)  # fmt: skip
    found = pc.coalesce(*columns)
    rows = np.flatnonzero(held > 1)
    if not len(rows):
        return found
    parts = [column.take(pa.array(rows)).to_pylist() for column in columns]
    together = [
        cell(value for text in texts if text is not None for value in values_of(text))
        for texts in zip(*parts, strict=True)
    ]
    return pc.replace_with_mask(found, pa.array(held > 1), pa.array(together, pa.string()))


def has_lists(column: pa.Array | pa.ChunkedArray) -> bool:
    """Whether some cell of *column* holds a list; fast, as it is called for every column."""
    if isinstance(column, pa.ChunkedArray):
        return any(map(has_lists, column.chunks))
    if column.type != pa.string() or not len(column):
        return False
    own = text_bytes(column)
    # By far most columns: no byte of their texts is so high, or none is followed by the others.
    if own.max(initial=0) < _FIRST_BYTE or _FIRST_BYTES not in own.tobytes():
        return False
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column)]
    text = np.frombuffer(data, np.uint8)
    if starts[-1] >= len(text):  # the last ones are empty
        starts = starts[starts < len(text)]
    # An empty text shares its start with the next one, so what is found may be beside the column.
    return _FIRST_BYTE in text[starts] and bool(pc.any(_marked(column)).as_py())


def lists(column: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    """The values of each cell, in order; null where the cell is null."""
    whole = flat(column)
    marked = _marked(whole).to_numpy(zero_copy_only=False)
    valid = whole.is_valid().to_numpy(zero_copy_only=False)
    split = _split(whole.filter(pa.array(marked)))
    lengths = valid.astype(np.int64)
    lengths[marked] = split.value_lengths().to_numpy()
    starts = np.zeros(len(whole), np.int64)
    single = valid & ~marked
    starts[single] = np.arange(single.sum())
    starts[marked] = single.sum() + split.offsets.to_numpy()[:-1]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    values = pa.concat_arrays([whole.filter(pa.array(single)), split.values])
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), values.take(pa.array(places)), mask=pa.array(~valid)
    )


def real_lists(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """*column* for other programs: its `lists` if it holds any, else its texts."""
    return lists(column) if has_lists(column) else flat(column)


def firsts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The first value of each cell."""
    return _of_lists(column, lambda split: split.values.take(split.offsets[:-1]))


def joined(column: pa.Array | pa.ChunkedArray, separator: str) -> pa.Array:
    """Each cell as one text: its values with *separator* in between."""
    return _of_lists(column, lambda split: pc.binary_join(split, separator))


def readable(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Each cell as text for people: ``a, b``."""
    return joined(column, _READABLE)


def sets(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Each cell as the set of its values: sorted by code point, each once."""
    return _of_lists(column, _distinct)


def holds_any(column: pa.Array | pa.ChunkedArray, texts: Collection[str]) -> pa.Array:
    """Whether one of the values of each cell is among *texts*; false for cells without values."""
    whole, wanted = flat(column), pa.array(sorted(texts), pa.string())
    if not has_lists(whole):
        return pc.fill_null(pc.is_in(whole, value_set=wanted), False)
    rows, values = unfolded(whole)
    found = np.zeros(len(whole), bool)
    found[rows[pc.is_in(values, value_set=wanted).to_numpy(zero_copy_only=False)]] = True
    return pa.array(found)


def unfolded(
    column: pa.Array | pa.ChunkedArray, most: int | None = None
) -> tuple[NDArray[np.int64], pa.Array]:
    """The row and value of each value of the cells, but at most the first *most* of a cell."""
    found = lists(column)
    lengths = pc.fill_null(found.value_lengths(), 0).to_numpy()
    lengths = lengths if most is None else np.minimum(lengths, most)
    rows = np.repeat(np.arange(len(found)), lengths)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    shift = np.repeat(found.offsets.to_numpy()[:-1] - offsets[:-1], lengths)
    return rows, found.values.take(pa.array(np.arange(offsets[-1]) + shift))


def sql_readable(text: str) -> str:
    """DuckDB's expression for `readable` of the cell *text*, which is itself an expression."""
    mark, escape = f"chr({ord(MARK)})", f"chr({ord(_ESCAPE)})"
    told = f"replace(substr({text}, 2), {mark}, '{_READABLE}')"
    told = f"replace(replace({told}, {escape} || '1', {mark}), {escape} || '0', {escape})"
    return f"CASE WHEN starts_with({text}, {mark}) THEN {told} ELSE {text} END"


def _marked(column: pa.Array) -> pa.Array:
    return pc.fill_null(pc.starts_with(column, MARK), False)


def _escaped(values: pa.Array) -> pa.Array:
    found = pc.replace_substring(values, _ESCAPE, _OF_ESCAPE)
    return pc.replace_substring(found, MARK, _OF_MARK)


def _split(marked: pa.Array) -> pa.ListArray:
    """The values of cells that all hold lists."""
    found = pc.split_pattern(pc.utf8_slice_codeunits(marked, 1), MARK)
    values = pc.replace_substring(found.values, _OF_MARK, MARK)
    return pa.ListArray.from_arrays(
        found.offsets, pc.replace_substring(values, _OF_ESCAPE, _ESCAPE)
    )


def _of_lists(
    column: pa.Array | pa.ChunkedArray, change: Callable[[pa.ListArray], pa.Array]
) -> pa.Array:
    """*column* with *change* applied to the cells that hold lists."""
    whole = flat(column)
    if not has_lists(whole):
        return whole
    marked = _marked(whole)
    return pc.replace_with_mask(whole, marked, change(_split(whole.filter(marked))))


def _distinct(found: pa.ListArray) -> pa.Array:
    coded = found.values.dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    ranks = rank[coded.indices.to_numpy()]
    rows = np.repeat(np.arange(len(found)), found.value_lengths().to_numpy())
    pairs = np.unique(rows * max(len(order), 1) + ranks)
    counts = np.bincount(pairs // max(len(order), 1), minlength=len(found))
    offsets = np.concatenate(([0], np.cumsum(counts)))
    values = coded.dictionary.take(pa.array(order[pairs % max(len(order), 1)]))
    return cells(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values))
