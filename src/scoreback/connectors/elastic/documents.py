"""Rows as JSON documents, column by column: no object per row is made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_QUOTE, _BACKSLASH, _FIRST_PRINTABLE = 0x22, 0x5C, 0x20


def documents(
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    constants: Mapping[str, object],
    *,
    objects: Collection[str] = (),
) -> pa.Array:
    """One JSON object for each row; a null is left out.

    Args:
        columns: key → values: text, numbers, truths, or times with a zone. Floats are finite.
        constants: key → one value for all rows; None is left out.
        objects: first parts of dotted keys that become objects, which Elasticsearch reads more
            cheaply than dotted keys. Each needs a member that every row has.

    Returns:
        Text, one object a row, its keys in order.
    """
    rows = len(next(iter(columns.values())))
    if rows == 0:
        return pa.array([], pa.string())
    members = {key: _Member.of(value) for key, value in constants.items() if value is not None}
    for key, column in columns.items():
        if column.null_count < rows:
            members[key] = _Member.of_column(_whole(column))
    parts: list[object] = [pa.repeat("{", rows)]
    _write(parts, members, objects)
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


@dataclass(frozen=True, slots=True)
class _Member:
    """A value of each row's object."""

    before: str
    values: pa.Array | None  # None: what stands before is all
    after: str

    @classmethod
    def of(cls, value: object) -> Self:
        return cls(_json(value), None, "")

    @classmethod
    def of_column(cls, column: pa.Array) -> Self:
        return cls(*_written(column))

    @property
    def sure(self) -> bool:
        """Whether every row has it."""
        return self.values is None or not self.values.null_count


def _write(parts: list[object], members: Mapping[str, _Member], objects: Collection[str]) -> None:
    """Append *members* to *parts*, each with a comma behind it."""
    inner: dict[str, dict[str, _Member]] = {first: {} for first in objects}
    for key, member in members.items():
        first, _, rest = key.partition(".")
        if first in inner:
            inner[first][rest] = member
    for key, member in members.items():
        first, _, rest = key.partition(".")
        if first not in inner:
            _append(parts, key, member, ",")
        elif next(iter(inner[first])) == rest:  # its first member; the others come with it
            # The last one has no comma behind it, so it has to be there in every row.
            last = next(k for k, one in reversed(inner[first].items()) if one.sure)
            parts.append(f"{_json(first)}:{{")
            for name, one in inner[first].items():
                if name != last:
                    _append(parts, name, one, ",")
            _append(parts, last, inner[first][last], "},")


def _append(parts: list[object], key: str, member: _Member, end: str) -> None:
    before, after = f"{_json(key)}:{member.before}", f"{member.after}{end}"
    if member.values is None:
        parts.append(before + after)
    elif member.values.null_count:
        written = pc.binary_join_element_wise(before, member.values, after, "")
        parts.append(pc.coalesce(written, ""))
    else:
        parts.extend([before, member.values, after])


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
