"""Writes rows as JSON documents, column by column, without an object per row."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat, text_bytes

_QUOTE, _BACKSLASH, _FIRST_PRINTABLE = 0x22, 0x5C, 0x20


def documents(
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    constants: Mapping[str, object],
    *,
    objects: Collection[str] = (),
) -> pa.Array:
    """One JSON object for each row; nulls are left out.

    Args:
        columns: key → values: text, numbers, booleans, times with a zone, or lists of texts (a list
            of one is written as a single text). Floats must be finite.
        constants: key → one value for all rows; None values are left out.
        objects: first parts of dotted keys that become objects, which Elasticsearch parses faster
            than dotted keys. Each needs a member that every row has.

    Returns:
        Text, one object per row, with keys roughly in order: the last key is one that every row
            has.
    """
    rows = len(next(iter(columns.values())))
    return joined(object_parts(columns, constants, objects), rows)


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of each row's object."""

    before: str
    values: pa.Array | None  # None: only `before` is written
    after: str

    @classmethod
    def of(cls, value: object) -> Self:
        return cls(_json(value), None, "")

    @classmethod
    def of_column(cls, column: pa.Array) -> Self:
        return cls(*_written(column))


_Members = dict[str, "_Member | _Members"]
Parts = list[str | pa.Array]  # parts of each row's text


def object_parts(
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    constants: Mapping[str, object],
    objects: Collection[str],
) -> Parts:
    """The parts that each row's object is joined from, for the arguments of `documents`."""
    members: _Members = {k: _Member.of(v) for k, v in constants.items() if v is not None}
    for key, column in columns.items():
        if column.null_count < len(column):
            members[key] = _Member.of_column(flat(column))
    return _written_object(_grouped(members, objects))


def _grouped(members: _Members, objects: Collection[str]) -> _Members:
    """*members*, grouped by *objects* at the place of each group's first member."""
    found: _Members = {}
    for key, member in members.items():
        first, _, rest = key.partition(".")
        group = found.setdefault(first, {}) if first in objects else None
        if isinstance(group, dict):
            group[rest] = member
        else:
            found[key] = member
    return found


def _written_object(members: _Members) -> Parts:
    """A member that every row has comes last, because no comma follows it."""
    last = next((key for key, one in reversed(members.items()) if _is_sure(one)), None)
    parts: Parts = []
    for key, member in members.items():
        if key != last:
            parts += _written_member(key, member, ",")
    if last is not None:
        return ["{", *parts, *_written_member(last, members[last], ""), "}"]
    rows = next((len(part) for part in parts if not isinstance(part, str)), 0)
    return ["{", pc.utf8_rtrim(joined(parts, rows), ","), "}"]


def _is_sure(member: "_Member | _Members") -> bool:
    """Whether every row has the member."""
    return isinstance(member, dict) or member.values is None or not member.values.null_count


def _written_member(key: str, member: "_Member | _Members", end: str) -> Parts:
    name = f"{_json(key)}:"
    if isinstance(member, dict):
        return [name, *_written_object(member), end]
    before, after = name + member.before, member.after + end
    if member.values is None:
        return [before + after]
    if member.values.null_count:
        return [pc.coalesce(pc.binary_join_element_wise(before, member.values, after, ""), "")]
    return [before, member.values, after]


def joined(parts: Parts, rows: int) -> pa.Array:
    """The text of each of *rows*: its *parts* joined in order; a plain text belongs to all rows."""
    if not rows:
        return pa.array([], pa.string())
    few: Parts = []
    for part in parts:
        if few and isinstance(part, str) and isinstance(few[-1], str):
            few[-1] += part  # fewer parts are faster: each costs time for every row
        else:
            few.append(part)
    if not any(isinstance(part, pa.Array) for part in few):
        return pa.repeat("".join(map(str, few)), rows)
    return pc.binary_join_element_wise(*few, "")


def _written(column: pa.Array) -> tuple[str, pa.Array, str]:
    """The text before each value, the values as JSON, and the text after."""
    kind = column.type
    if pa.types.is_string(kind):
        return '"', column if _is_plain(column) else _escaped(column), '"'
    if pa.types.is_boolean(kind):
        return "", pc.if_else(column, "true", "false"), ""
    if pa.types.is_list(kind):
        return "", pa.array(map(_list, column.to_pylist()), pa.string()), ""
    if pa.types.is_timestamp(kind):
        # Writing a time with its zone is thirty times slower, and the zone is always UTC.
        written = column.cast(pa.timestamp("us")).cast(pa.string())
        return '"', pc.replace_substring(written, " ", "T", max_replacements=1), 'Z"'
    return "", column.cast(pa.string()), ""


def _is_plain(column: pa.Array) -> bool:
    """Whether no text contains a character that JSON escapes."""
    text = text_bytes(column)
    special = (text < _FIRST_PRINTABLE) | (text == _QUOTE) | (text == _BACKSLASH)
    return not special.any()


def _escaped(column: pa.Array) -> pa.Array:
    """Texts as JSON writes them, without quotes."""
    texts = [None if text is None else _json(text)[1:-1] for text in column.to_pylist()]
    return pa.array(texts, pa.string())


def _list(texts: list[str] | None) -> str | None:
    return None if texts is None else _json(texts[0] if len(texts) == 1 else texts)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
