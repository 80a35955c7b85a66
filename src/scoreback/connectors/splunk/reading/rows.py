"""Rows of an export as text columns: a typed decoder for the requested names.

A value is text, or a list of texts where a field has several values: `scoreback.multivalue` says
how those share one column. Splunk returns JSON's null as the text ``null``; here it counts as
missing.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from scoreback.columns import flat
from scoreback.connectors.json.flatten import MAX_TEXT
from scoreback.connectors.splunk.wire.export import Decoded, Line, decoded
from scoreback.multivalue import cell, plain

_Value = str | list[str | None] | None
_NULL = "null"
_MESSAGE = pa.struct([("type", pa.string()), ("text", pa.string())])
_AROUND = [("preview", pa.bool_()), ("lastrow", pa.bool_()), ("messages", pa.list_(_MESSAGE))]


class RowDecoder:
    """Decodes the fields *names* of rows, and skips all others.

    Arrow's reader makes columns without Python objects, and refuses a value of an unexpected type,
    such as a list: such lines are decoded in a slower way.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare the types of a row."""
        self.names = tuple(names)
        members = [
            (f"c{i}", _Value, msgspec.field(default=None, name=name))
            for i, name in enumerate(self.names)
        ]
        row = msgspec.defstruct("Row", members, gc=False)
        self._lines: msgspec.json.Decoder[Line[Any]] = msgspec.json.Decoder(Line[row])  # type: ignore[valid-type]
        self._values = [attrgetter(f"c{i}") for i in range(len(self.names))]
        texts = pa.struct([(name, pa.string()) for name in self.names])
        self._schema = pa.schema([*_AROUND, ("result", texts)])

    def decode(self, data: bytes) -> Decoded[pa.Table]:
        """The rows of some whole lines, a column for each of `names`; input of `without_nulls`.

        Raises:
            ValueError: a line is not JSON, or a value is neither text nor a list of texts.
        """
        try:
            return self._quick(data)
        except ValueError:
            found = decoded(self._lines, data)
            columns = [_column(list(map(value, found.rows))) for value in self._values]
            table = pa.table(columns, names=list(self.names))
            return Decoded(table, found.count, found.whole, found.messages)

    def empty(self) -> pa.Table:
        """No rows."""
        return pa.table([pa.array([], pa.string())] * len(self.names), names=list(self.names))

    def _quick(self, data: bytes) -> Decoded[pa.Table]:
        if not data.isascii():
            data.decode()  # Arrow accepts any bytes as text
        found = pj.read_json(
            pa.BufferReader(data),
            # One block holds it all: Arrow would refuse a line that continues in a second block.
            read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=self._schema, unexpected_field_behavior="ignore"
            ),
        )
        if found["messages"].null_count < found.num_rows:
            raise ValueError("there are messages among the rows")
        if pc.any(found["preview"]).as_py():
            found = found.filter(pc.invert(pc.fill_null(found["preview"], False)))
        whole = bool(pc.any(found["lastrow"]).as_py())
        rows = found["result"]
        if rows.null_count:
            rows = rows.drop_null()
        columns = [_short(plain(column)) for column in flat(rows).flatten()]
        return Decoded(pa.table(columns, names=list(self.names)), len(rows), whole)


def without_nulls(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """*column* with the texts that stand for JSON's null turned into nulls."""
    nulls = pc.equal(column, _NULL)
    return pc.if_else(nulls, None, column) if pc.any(nulls).as_py() else column


def _column(values: list[_Value]) -> pa.Array:
    try:
        found = plain(pa.array(values, pa.string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):  # there is a list among them
        found = pa.array([_cell(value) for value in values], pa.string())
    return _short(found)


def _cell(value: _Value) -> str | None:
    if not isinstance(value, list):
        return None if value is None else cell([value])
    return cell(text for text in value if text != _NULL)


def _short(column: pa.Array) -> pa.Array:
    """*column* without texts that are too long for a field."""
    if column.nbytes <= MAX_TEXT:  # so no text is longer
        return column
    texts = [t if t is None or len(t) <= MAX_TEXT else None for t in column.to_pylist()]
    return pa.array(texts, pa.string())
