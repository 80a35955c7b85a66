"""Arrow types of JSON documents, learnt from some: then columns are read without an object a value.

Arrow's JSON reader wants the type of every value and refuses a document that has another, one that
repeats a key, or one that breaks off. What it refuses is for `scoreback.connectors.decode`, which
takes any document; what both take is the same in both.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from scoreback.connectors.flatten import MAX_TEXT, Pointer, spellings

LEARNT_FROM = 500  # documents
MAX_DOTS = 5  # in a field's name: its spellings double with each
_TEXT, _NUMBER = pa.string(), pa.float64()
_KINDS = {str: _TEXT, bool: pa.bool_(), int: pa.int64()}

_Tree = dict[str, "_Tree | pa.DataType"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where documents hold the asked fields, and of which type each is."""

    type: pa.StructType  # of a document
    spelt: Mapping[str, Sequence[Pointer]]

    @classmethod
    def learnt(
        cls, fields: Collection[str], numbers: Collection[str], documents: Iterable[Any]
    ) -> Self | None:
        """The layout of *documents*, plain decoded JSON; None where values have no one type.

        Of fields in *numbers* only the number counts; the text of any other fraction would not be
        what is written.
        """
        if not fields or any(name.count(".") > MAX_DOTS for name in fields):
            return None
        spelt = {name: spellings(name) for name in fields}
        seen = list(documents)
        tree: _Tree = {}
        try:
            for name, pointers in spelt.items():
                found = {p: _kinds(values_at(seen, p)) for p in pointers}
                kinds = set[type]().union(*(kinds for kinds, _ in found.values()))
                whole = _one_type(kinds, number=name in numbers)
                for pointer, (_, in_lists) in found.items():
                    _put(tree, pointer, pa.list_(whole) if in_lists else whole)
        except _NoOneTypeError:
            return None
        return cls(_struct(tree), spelt)

    def columns(self, documents: pa.StructArray) -> dict[str, pa.Array]:
        """A column for each field: text, or float64 of what is a number; null where absent."""
        found = dict(_leaves(documents, ()))
        columns = {}
        for name, pointers in self.spelt.items():
            arrays = [found[pointer] for pointer in pointers]
            there = [array for array in arrays if array.null_count < len(array)] or arrays[:1]
            columns[name] = pc.coalesce(*there) if len(there) > 1 else there[0]
        return columns


def read(body: bytes, schema: pa.Schema) -> pa.StructArray:
    """The one JSON object that *body* holds, as the one row of an array.

    Raises:
        ValueError: it is not one object with values of the types of *schema*.
    """
    if not body.isascii():
        body.decode()  # Arrow takes any bytes for text
    found = pj.read_json(
        pa.BufferReader(body),
        # One block holds it all: an object that goes on in a second one would be refused.
        read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    if found.num_rows != 1:
        raise ValueError(f"{found.num_rows} objects instead of one")
    return found.to_struct_array().combine_chunks()


def as_text(column: pa.Array) -> pa.Array:
    """A column of one kind as text; a value that is too long to be a field is missing."""
    if column.type != _TEXT:
        return column.cast(_TEXT)
    longest = pc.max(pc.binary_length(column)).as_py()
    if longest is None or longest <= MAX_TEXT:
        return column
    return pc.if_else(pc.greater(pc.utf8_length(column), MAX_TEXT), None, column)


def firsts(lists: pa.ListArray) -> pa.Array:
    """The first value of each list; null where there is none."""
    some = pc.greater(pc.fill_null(lists.value_lengths(), 0), 0)
    return lists.values.take(pc.if_else(some, lists.offsets[:-1], None))


class _NoOneTypeError(Exception):
    pass


def values_at(documents: Iterable[Any], pointer: Pointer) -> Iterator[Any]:
    """What each of *documents* holds at *pointer*, where it holds anything."""
    for document in documents:
        value = document
        for key in pointer:
            if value is None:
                break
            if not isinstance(value, dict):
                raise _NoOneTypeError
            value = value.get(key)
        if value is not None:
            yield value


def _kinds(values: Iterable[Any]) -> tuple[set[type], bool]:
    """The types of *values*, and whether they are in lists."""
    kinds: set[type] = set()
    listed: set[bool] = set()
    for value in values:
        listed.add(isinstance(value, list))
        kinds.update(map(type, value if isinstance(value, list) else (value,)))
    if len(listed) > 1:
        raise _NoOneTypeError
    return kinds - {type(None)}, True in listed


def _one_type(kinds: set[type], *, number: bool) -> pa.DataType:
    """The type of values of *kinds*; a fraction has none where its text is wanted."""
    if number and kinds <= {int, float}:
        return _NUMBER
    if len(kinds) > 1 or not kinds <= _KINDS.keys():
        raise _NoOneTypeError
    return _KINDS[kinds.pop()] if kinds else _TEXT


def _put(tree: _Tree, pointer: Pointer, kind: pa.DataType) -> None:
    *above, last = pointer
    for key in above:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            raise _NoOneTypeError
        tree = below
    if last in tree:
        raise _NoOneTypeError  # a value here, and an object there
    tree[last] = kind


def _struct(tree: _Tree) -> pa.StructType:
    return pa.struct([
        (key, _struct(below) if isinstance(below, dict) else below) for key, below in tree.items()
    ])  # fmt: skip


def _leaves(array: pa.StructArray, above: Pointer) -> Iterator[tuple[Pointer, pa.Array]]:
    for field, values in zip(array.type, array.flatten(), strict=True):
        here = (*above, field.name)
        if pa.types.is_struct(field.type):
            yield from _leaves(values, here)
        else:
            plain = firsts(values) if pa.types.is_list(field.type) else values
            yield here, plain if plain.type == _NUMBER else as_text(plain)
