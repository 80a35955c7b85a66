"""Rows of an export as text columns: a typed decoder for the names that are asked for.

A value is text, or a list of texts where a field has several values: `scoreback.multivalue` says
how those travel in one column. Splunk tells JSON's null as the text ``null``; here it is missing.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.json.flatten import MAX_TEXT
from scoreback.connectors.splunk.wire.export import Line
from scoreback.multivalue import cell, plain

_Value = str | list[str | None] | None
_NULL = "null"


class RowDecoder:
    """Decodes the fields *names* of rows, and skips what else they hold."""

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare the type of a row."""
        self.names = tuple(names)
        members = [
            (f"c{i}", _Value, msgspec.field(default=None, name=name))
            for i, name in enumerate(self.names)
        ]
        row = msgspec.defstruct("Row", members, gc=False)
        self.lines: msgspec.json.Decoder[Line[Any]] = msgspec.json.Decoder(Line[row])  # type: ignore[valid-type]
        self._values = [attrgetter(f"c{i}") for i in range(len(self.names))]

    def columns(self, rows: Sequence[Any]) -> list[pa.Array]:
        """A column for each of `names`; null where a row has no value."""
        return [_column(list(map(value, rows))) for value in self._values]


def _column(values: list[_Value]) -> pa.Array:
    try:
        found = plain(pa.array(values, pa.string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):  # there is a list among them
        found = pa.array([_cell(value) for value in values], pa.string())
    nulls = pc.equal(found, _NULL)
    return _short(pc.if_else(nulls, None, found) if pc.any(nulls).as_py() else found)


def _cell(value: _Value) -> str | None:
    if not isinstance(value, list):
        return None if value is None else cell([value])
    return cell(text for text in value if text != _NULL)


def _short(column: pa.Array) -> pa.Array:
    """*column* without what is too long to be a field."""
    if column.nbytes <= MAX_TEXT:  # hence no text is longer
        return column
    texts = [t if t is None or len(t) <= MAX_TEXT else None for t in column.to_pylist()]
    return pa.array(texts, pa.string())
