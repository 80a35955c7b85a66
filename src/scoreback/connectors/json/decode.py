"""Decodes JSON documents to text columns: a typed decoder for the fields, column by column.

`scoreback.connectors.json.flatten` defines what a document means. The typed decoder handles nearly
all documents; those that its types do not fit are flattened one by one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.json.flatten import (
    MAX_LEVELS,
    MAX_TEXT,
    Pointer,
    as_text,
    flattened,
    items,
    leaves,
    parsed,
    spellings,
)
from scoreback.errors import DataError
from scoreback.multivalue import cell, cells, merged, plain

CHUNK = 1_000  # documents at a time: more objects than fit into the processor's cache cost double
# dots in a field's name: spellings double with each; with more, documents are flattened
MAX_DOTS = 5
MAX_LEARNT = 2_000  # maximum keys in a type; more keys are data, not fields

_ALIKE = (pa.string(), pa.int64(), pa.bool_(), pa.null())  # types whose text has only one reading
_FIRST = 100  # how many documents are studied before there is a type


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text columns of some documents, row by row."""

    columns: Mapping[str, pa.Array]  # null where missing, null, or the document is not an event
    bad: Mapping[int, str]  # row → why its document is not an event
    slow: Mapping[int, Mapping[str, str]]  # row → its values, if it was flattened


class FieldDecoder:
    """Decodes the requested fields and skips the rest of each document."""

    def __init__(self, fields: Collection[str]) -> None:
        """Prepare types that find *fields* in every spelling that a document may use."""
        self._fields = frozenset(fields)
        self._shape = None
        if all(name.count(".") <= MAX_DOTS and _typed(name) for name in self._fields):
            self._shape = _Shape({name: spellings(name) for name in fields})

    @property
    def type(self) -> type[msgspec.Struct] | None:
        """The type of a document, for use inside a larger type; None if there is none.

        Decode with ``float_hook=str``; pass the decoded values to `columns`.
        """
        return self._shape.level.type if self._shape else None

    def decode(self, documents: Sequence[str]) -> Decoded:
        """One column for each field, whether or not any document has it."""
        found, hard = _values(self._shape, documents)
        return self._whole(found, hard, [documents[row] for row in hard], len(documents))

    def columns(
        self, found: Sequence[Any], documents: Callable[[Sequence[int]], Sequence[str]]
    ) -> Decoded:
        """The same for values of `type`; None stands for an empty document.

        Args:
            found: the documents, decoded.
            documents: returns the texts of the given rows, which have to be flattened.
        """
        if self._shape is None:
            raise ValueError("no type exists for these values")
        if not found:
            return self.decode([])
        empty = self._shape.level.empty
        parts, hard = [], list[int]()
        for start in range(0, len(found), CHUNK):
            some = [empty if f is None else f for f in found[start : start + CHUNK]]
            columns, rows = _gathered(self._shape, some, set())
            parts.append(columns)
            hard.extend(start + row for row in rows)
        whole = {name: pa.concat_arrays([p[name] for p in parts]) for name in self._shape.spelt}
        return self._whole(whole, hard, documents(hard) if hard else [], len(found))

    def _whole(
        self, columns: Mapping[str, pa.Array], hard: Sequence[int], texts: Sequence[str], rows: int
    ) -> Decoded:
        slow, bad = _flattened(texts, self._fields)
        return _together(columns, self._fields, hard, slow, bad, rows)


class AllFieldsDecoder:
    """Decodes every field; learns the keys from documents that its type does not fit."""

    def __init__(self) -> None:
        """Start without any known key."""
        self._shape: _Shape | None = None
        self._known: set[Pointer] = set()

    def decode(self, documents: Sequence[str]) -> Decoded:
        """One column for each field in these documents or earlier ones.

        Values of fields beyond `MAX_LEARNT` are only in ``slow``. Columns come in no order.
        """
        if self._shape is None:
            self._learn(documents[:_FIRST])
        found, hard = _values(self._shape, documents)
        texts = [documents[row] for row in hard]
        self._learn(texts)
        slow, bad = _flattened(texts, None)
        names = dict.fromkeys(self._shape.spelt if self._shape else ())
        for name in (name for values in slow for name in values):
            if len(names) < MAX_LEARNT:
                names[name] = None
        return _together(found, names, hard, slow, bad, len(documents))

    def _learn(self, documents: Sequence[str]) -> None:
        before = len(self._known)
        for document in documents:
            if len(self._known) >= MAX_LEARNT:
                break
            try:
                found = (pointer for pointer, _ in leaves(parsed(document)))
                usable = (p for p in found if len(p) <= MAX_LEVELS and all(map(_typed, p)))
                # One document may have any number of keys, and a type with many keys takes very
                # long to build.
                self._known.update(islice(usable, MAX_LEARNT))
            except DataError:
                continue
        if len(self._known) > before:
            spelt: dict[str, list[Pointer]] = {}
            for pointer in sorted(self._known, key=lambda p: (len(p), p)):
                spelt.setdefault(".".join(pointer), []).append(pointer)
            self._shape = _Shape(spelt, whole=True)


def _typed(key: str) -> bool:
    """Whether a type can have *key*: msgspec takes no escapes, Scoreback no empty names."""
    return key != "" and key.isprintable() and '"' not in key and "\\" not in key


class _Level:
    """The type of an object, built from the keys to look for.

    A key with keys below it is a group: an object or null, so a scalar there is refused.
    """

    def __init__(self, pointers: Collection[Pointer], *, whole: bool) -> None:
        """A level for the keys of *pointers*; if *whole*, it refuses all other keys."""
        self.type: type[msgspec.Struct]
        self.empty: msgspec.Struct
        self.groups: dict[str, _Level] = {}
        inside: dict[str, list[Pointer]] = {}
        for pointer in pointers:
            if len(pointer) > 1:
                inside.setdefault(pointer[0], []).append(pointer[1:])
        for key in dict.fromkeys(pointer[0] for pointer in pointers):
            if key in inside:
                self.groups[key] = _Level(inside[key], whole=whole)
        leaf = {p[0] for p in pointers} - self.groups.keys()
        self.members = {key: f"m{i}" for i, key in enumerate([*self.groups, *sorted(leaf)])}
        types: list[tuple[str, Any, Any]] = []
        for key, member in self.members.items():
            group = self.groups.get(key)
            if group is None:
                types.append((member, Any, None))
            else:
                types.append((member, group.type | None, group.empty))
        names = {member: key for key, member in self.members.items()}
        self.type = msgspec.defstruct(
            "Level", types, rename=names, forbid_unknown_fields=whole, frozen=True, gc=False
        )
        self.empty = self.type()

    def gather(self, found: Iterable[Any], above: Pointer, into: dict[Pointer, list[Any]]) -> None:
        """Put the values of each pointer into *into*; groups that no document has are skipped."""
        for key, member in self.members.items():
            values = list(map(attrgetter(member), found))
            group = self.groups.get(key)
            if group is None:
                into[*above, key] = values
            elif set(map(id, values)) != {id(group.empty)}:
                group.gather([value or group.empty for value in values], (*above, key), into)


class _Shape:
    """What to look for: the spellings of each name, by priority."""

    def __init__(self, spelt: Mapping[str, Sequence[Pointer]], *, whole: bool = False) -> None:
        self.spelt = spelt
        pointers = [pointer for pointers in spelt.values() for pointer in pointers]
        self.level = _Level(pointers, whole=whole)
        self.decode = msgspec.json.Decoder(self.level.type, float_hook=str).decode


def _values(
    shape: _Shape | None, documents: Sequence[str]
) -> tuple[dict[str, pa.Array], list[int]]:
    """The columns of *documents*, and in order the rows that have to be flattened."""
    if shape is None:
        return {}, list(range(len(documents)))
    found: list[Any] = []
    hard: set[int] = set()
    decode, empty = shape.decode, shape.level.empty
    for row, document in enumerate(documents):
        try:
            found.append(decode(document) if len(document) <= MAX_TEXT else empty)
        except (msgspec.DecodeError, RecursionError):
            found.append(empty)
        if found[-1] is empty:
            hard.add(row)
    return _gathered(shape, found, hard)


def _gathered(
    shape: _Shape, found: Sequence[Any], hard: set[int]
) -> tuple[dict[str, pa.Array], list[int]]:
    """The columns of decoded documents; adds rows that have to be flattened to *hard*."""
    values: dict[Pointer, list[Any]] = {}
    shape.level.gather(found, (), values)
    columns = {}
    for name, pointers in shape.spelt.items():
        arrays = [_column(values[pointer], hard) for pointer in pointers if pointer in values]
        there = [array for array in arrays if array.null_count < len(array)]
        columns[name] = merged(there) if there else pa.nulls(len(found), pa.string())
    return columns, sorted(hard)


def _column(values: list[Any], hard: set[int]) -> pa.Array:
    """*values* as cells; the rows that hold an object are added to *hard*."""
    # saves an attempt to convert to text; no value is a float
    if values and type(values[0]) is int:
        try:
            return pa.array(values, pa.int64()).cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    try:
        return plain(pa.array(values, pa.string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    several = list in set(map(type, values))
    if several and max(map(len, [v for v in values if type(v) is list])) < 2:
        firsts = [(v[0] if v else None) if type(v) is list else v for v in values]
        return _column(firsts, hard)  # servers write single values without a list
    given = [v if v is None or type(v) is list else [v] for v in values] if several else values
    try:
        alike = pa.array(given)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        alike = None
    if alike is not None:
        kind = alike.type.value_type if several else alike.type
        if kind in _ALIKE:
            return cells(alike.cast(pa.list_(pa.string()))) if several else alike.cast(pa.string())
    return pa.array([_cell(row, value, hard) for row, value in enumerate(values)], pa.string())


def _cell(row: int, value: Any, hard: set[int]) -> str | None:  # noqa: ANN401 - JSON
    found = list(items(value))
    if any(isinstance(item, dict) for item in found):
        hard.add(row)
        return None
    return cell(as_text(item) for item in found if item is not None)


def _flattened(
    documents: Sequence[str], fields: Collection[str] | None
) -> tuple[list[dict[str, str]], dict[int, str]]:
    """The values of each document (none if it is not an event), and why it is not an event."""
    found: list[dict[str, str]] = []
    bad: dict[int, str] = {}
    for i, document in enumerate(documents):
        try:
            found.append(flattened(parsed(document), fields))
        except DataError as error:
            found.append({})
            bad[i] = error.message
    return found, bad


def _together(
    columns: Mapping[str, pa.Array],
    names: Collection[str],
    hard: Sequence[int],
    slow: Sequence[Mapping[str, str]],
    bad: Mapping[int, str],
    rows: int,
) -> Decoded:
    """The columns called *names*, with the values of the *hard* rows filled in."""
    mask = np.zeros(rows, dtype=bool)
    mask[list(hard)] = True
    absent = pa.nulls(rows, pa.string())
    whole = {}
    for name in names:
        column = columns.get(name, absent)
        if hard:
            texts = pa.array([values.get(name) for values in slow], pa.string())
            column = pc.replace_with_mask(column, pa.array(mask), texts)
        whole[name] = column
    return Decoded(
        columns=whole,
        bad={hard[i]: reason for i, reason in bad.items()},
        slow=dict(zip(hard, slow, strict=True)),
    )
