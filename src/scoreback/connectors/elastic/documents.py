"""Rows as JSON documents, column by column: no object per row is made."""

from collections.abc import Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = r'["\\\x00-\x1f]'


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
    fixed = "".join(
        f"{_json(key)}:{_json(value)}," for key, value in constants.items() if value is not None
    )
    parts: list[object] = ["{" + fixed]
    for key, column in columns.items():
        values = _values(column)
        named = pc.binary_join_element_wise(f"{_json(key)}:", values, ",", "")
        parts.append(pc.coalesce(named, "") if values.null_count else named)
    if rows == 0:
        return pa.array([], pa.string())
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


def quoted(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text as JSON strings; null stays null."""
    whole = _whole(column)
    special = pc.match_substring_regex(whole, _ESCAPED)
    if not pc.any(special).as_py():
        return pc.binary_join_element_wise('"', whole, '"', "")
    encode = msgspec.json.encode
    return pa.array(
        [None if text is None else encode(text).decode() for text in whole.to_pylist()],
        pa.string(),
    )


def _values(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind):
        return quoted(column)
    whole = _whole(column)
    if pa.types.is_boolean(kind):
        return pc.if_else(whole, "true", "false")
    if pa.types.is_timestamp(kind):
        written = pc.replace_substring(whole.cast(pa.string()), " ", "T", max_replacements=1)
        return pc.binary_join_element_wise('"', written, '"', "")
    return whole.cast(pa.string())


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        found = column.combine_chunks()
        return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
    return column


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
