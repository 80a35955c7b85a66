"""Arrow types learnt from sample documents, so that columns are read without Python objects.

Arrow's JSON reader wants the type of every value and refuses a document with other types, repeated
keys or a missing end. `scoreback.connectors.json.decode` takes those, as it takes any document; a
document that both take gives the same result in both.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from scoreback.connectors.json.decode import MAX_DOTS
from scoreback.connectors.json.flatten import MAX_TEXT, Pointer, spellings
from scoreback.multivalue import cells, merged, plain

_TEXT, _NUMBER, _NOTHING = pa.string(), pa.float64(), pa.null()
_KINDS = {str: _TEXT, bool: pa.bool_(), int: pa.int64()}

_Tree = dict[str, "_Tree | pa.DataType"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where documents hold the requested fields, and the type of each."""

    type: pa.StructType  # of a whole document
    listed: frozenset[str]  # fields whose values come in lists
    _spelt: Mapping[str, Sequence[Pointer]]

    def columns(self, documents: pa.StructArray) -> dict[str, pa.Array]:
        """A column for each field: text, or float64 for single numbers; null where missing."""
        found = dict(_leaves(documents, ()))
        nothing = pa.nulls(len(documents), _TEXT)
        columns = {}
        for name, pointers in self._spelt.items():
            arrays = [found[pointer] for pointer in pointers if pointer in found] or [nothing]
            if len(arrays) > 1:
                arrays = [as_text(merged([array.cast(_TEXT) for array in arrays]))]
            columns[name] = arrays[0]
        return columns


class Shapes:
    """The types that documents were seen to hold for some fields."""

    def __init__(self, fields: Collection[str], numbers: Collection[str]) -> None:
        """Start without types for *fields*; for those in *numbers* only the number matters."""
        usable = all(name.count(".") <= MAX_DOTS for name in fields)
        self._spelt = {name: spellings(name) for name in fields} if usable else {}
        self._numbers = numbers
        self._kinds: dict[Pointer, set[type]] = {}
        self._listed: dict[Pointer, set[bool]] = {}

    def learn(self, documents: Sequence[Any]) -> None:
        """Learn from *documents*, as a plain JSON decoder returns them."""
        for pointer in (p for pointers in self._spelt.values() for p in pointers):
            values = list(_values(documents, pointer))
            kinds = set(map(type, values))
            if not kinds:
                continue
            self._listed.setdefault(pointer, set()).update(kind is list for kind in kinds)
            if list in kinds:
                kinds.remove(list)
                kinds.update(type(one) for value in values if type(value) is list for one in value)
            self._kinds.setdefault(pointer, set()).update(kinds)

    def layout(self) -> Layout | None:
        """The layout that fits every document seen; None where values have no common type.

        A fraction whose text is wanted has no type, because Arrow does not keep how it is written.
        """
        if not self._spelt or any(len(listed) > 1 for listed in self._listed.values()):
            return None
        tree: _Tree = {}
        for name, pointers in self._spelt.items():
            seen = [pointer for pointer in pointers if pointer in self._kinds]
            kinds = set[type]().union(*(self._kinds[pointer] for pointer in seen)) - {type(None)}
            kind = _one_type(kinds, number=name in self._numbers)
            for pointer in seen:
                listed = True in self._listed[pointer]
                if kind is None or not _put(tree, pointer, pa.list_(kind) if listed else kind):
                    return None
        for pointer in (p for pointers in self._spelt.values() for p in pointers):
            _put_nothing(tree, pointer)  # so that a value there is refused instead of overlooked
        in_lists = {pointer for pointer, listed in self._listed.items() if True in listed}
        names = {name for name, pointers in self._spelt.items() if in_lists & set(pointers)}
        return Layout(_struct(tree), frozenset(names), self._spelt)


def read(body: bytes, schema: pa.Schema) -> pa.StructArray:
    """The one JSON object in *body*, as the only row of an array.

    Raises:
        ValueError: *body* is not one object with values of the types in *schema*.
    """
    if not body.isascii():
        body.decode()  # Arrow accepts any bytes as text
    found = pj.read_json(
        pa.BufferReader(body),
        # One block holds it all: Arrow would refuse an object that continues in a second block.
        read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    if found.num_rows != 1:
        raise ValueError(f"{found.num_rows} objects instead of one")
    return found.to_batches()[0].to_struct_array()


def as_text(column: pa.Array) -> pa.Array:
    """Cells of a column; text that is too long for a field counts as missing."""
    if column.nbytes <= MAX_TEXT:  # the whole column, so any cell of it
        return column
    longest = pc.max(pc.binary_length(column)).as_py()
    if longest is None or longest <= MAX_TEXT:
        return column
    return pc.if_else(pc.greater(pc.utf8_length(column), MAX_TEXT), None, column)


def firsts(lists: pa.ListArray) -> pa.Array:
    """The first value of each list; null where there is none."""
    some = pc.greater(pc.fill_null(lists.value_lengths(), 0), 0)
    return lists.values.take(pc.if_else(some, lists.offsets[:-1], None))


def _values(documents: Iterable[Any], pointer: Pointer) -> Iterator[Any]:
    """What each of *documents* holds at *pointer*, if anything."""
    for document in documents:
        value = document
        for key in pointer:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield value


def _one_type(kinds: set[type], *, number: bool) -> pa.DataType | None:
    if number and kinds and kinds <= {int, float}:
        return _NUMBER
    if not kinds:
        return _TEXT
    return _KINDS.get(next(iter(kinds))) if len(kinds) == 1 else None


def _put(tree: _Tree, pointer: Pointer, kind: pa.DataType) -> bool:
    """Whether *pointer* is free: neither an object there nor a value above it."""
    *above, last = pointer
    for key in above:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            return False
        tree = below
    return tree.setdefault(last, kind) is kind


def _put_nothing(tree: _Tree, pointer: Pointer) -> None:
    for key in pointer:
        below = tree.setdefault(key, _NOTHING)
        if not isinstance(below, dict):
            return
        tree = below


def _struct(tree: _Tree) -> pa.StructType:
    return pa.struct([
        (key, _struct(below) if isinstance(below, dict) else below) for key, below in tree.items()
    ])  # fmt: skip


def _leaves(array: pa.StructArray, above: Pointer) -> Iterator[tuple[Pointer, pa.Array]]:
    for field, values in zip(array.type, array.flatten(), strict=True):
        here = (*above, field.name)
        if pa.types.is_struct(field.type):
            yield from _leaves(values, here)
        elif field.type != _NOTHING:
            yield here, _values_of_lists(values) if pa.types.is_list(field.type) else _texts(values)


def _values_of_lists(lists: pa.ListArray) -> pa.Array:
    # servers write single values without a list
    if (pc.max(lists.value_lengths()).as_py() or 0) <= 1:
        return _texts(firsts(lists))
    return as_text(cells(lists.cast(pa.list_(_TEXT))))


def _texts(values: pa.Array) -> pa.Array:
    return values if values.type == _NUMBER else as_text(plain(values.cast(_TEXT)))
