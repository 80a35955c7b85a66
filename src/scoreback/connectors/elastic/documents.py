"""Rows as JSON documents, column by column: no object per row is made."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_QUOTE, _BACKSLASH, _FIRST_PRINTABLE = 0x22, 0x5C, 0x20


def documents(
    columns: Mapping[str, pa.Array | pa.ChunkedArray], constants: Mapping[str, object]
) -> pa.Array:
    """One flat JSON object for each row, its keys in the order given; a null is left out.

    Args:
        columns: key → values: text, numbers, truths, or times with a zone. Floats are finite.
        constants: key → one value for all rows; None is left out.

    Returns:
        Text, one object a row. Keys may be dotted: Elasticsearch reads them as objects.
    """
    rows = len(next(iter(columns.values())))
    if rows == 0:
        return pa.array([], pa.string())
    fixed = "".join(
        f"{_json(key)}:{_json(value)}," for key, value in constants.items() if value is not None
    )
    parts: list[object] = [pa.repeat("{" + fixed, rows)]
    for key, column in columns.items():
        if column.null_count == rows:
            continue
        before, values, after = _written(_whole(column))
        around = [f"{_json(key)}:{before}", values, f"{after},"]
        if column.null_count:
            parts.append(pc.coalesce(pc.binary_join_element_wise(*around, ""), ""))
        else:
            parts.extend(around)
    joined = pc.binary_join_element_wise(*parts, "")
    return pc.binary_join_element_wise(pc.utf8_rtrim(joined, ","), "}", "")


def actions(
    kind: str, columns: Mapping[str, pa.Array | pa.ChunkedArray], sources: pa.Array
) -> pa.Array:
    """Lines of a bulk request: *kind* with its metadata, then the source; one text a row."""
    if not len(sources):
        return pa.array([], pa.string())
    heads = documents(columns, {})
    return pc.binary_join_element_wise(f'{{"{kind}":', heads, "}\n", sources, "\n", "")


def _written(column: pa.Array) -> tuple[str, pa.Array, str]:
    """What stands before each value, the values as JSON has them, and what stands after."""
    kind = column.type
    if pa.types.is_string(kind):
        return '"', column if _is_plain(column) else _escaped(column), '"'
    if pa.types.is_boolean(kind):
        return "", pc.if_else(column, "true", "false"), ""
    if pa.types.is_timestamp(kind):
        # With its zone a time is thirty times slower to write, and it is UTC anyway.
        written = column.cast(pa.timestamp("us")).cast(pa.string())
        return '"', pc.replace_substring(written, " ", "T", max_replacements=1), 'Z"'
    return "", column.cast(pa.string()), ""


def _is_plain(column: pa.Array) -> bool:
    """Whether no text holds a character that JSON escapes."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    first, last = offsets[column.offset], offsets[column.offset + len(column)]
    data = column.buffers()[2]
    if data is None or first == last:
        return True
    text = np.frombuffer(data, np.uint8)[first:last]
    special = (text < _FIRST_PRINTABLE) | (text == _QUOTE) | (text == _BACKSLASH)
    return not special.any()


def _escaped(column: pa.Array) -> pa.Array:
    """Texts as JSON writes them, without their quotes."""
    texts = [None if text is None else _json(text)[1:-1] for text in column.to_pylist()]
    return pa.array(texts, pa.string())


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        found = column.combine_chunks()
        return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
    return column


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
