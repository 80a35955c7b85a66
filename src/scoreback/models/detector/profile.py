"""What the fields of a sample of events hold: types, values that differ, what is missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.multivalue import has_lists, lists

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_ADDRESS = r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]+:[0-9a-fA-F:.]*)$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_IDENTIFIER = r"^[0-9a-fA-F]{8}[0-9a-fA-F-]{8,}$"  # a hash, a UUID
_MOSTLY = 0.98  # share of the values that have to look like a type
_LONG = 18.0  # characters in the mean: more is a text, not a name
MOST_VALUES = 12  # of a field that could be a label

Kind = Literal["number", "address", "time", "identifier", "text", "name", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the sample."""

    name: str
    kind: Kind
    rows: int
    present: int
    distinct: int
    values: tuple[str, ...]  # the most frequent first; at most `MOST_VALUES`; each of a list

    @property
    def missing(self) -> float:
        """Share of events without it."""
        return 1 - self.present / max(self.rows, 1)

    @property
    def repeats(self) -> float:
        """Events for each value that differs."""
        return self.present / max(self.distinct, 1)

    @property
    def words(self) -> frozenset[str]:
        """The words of its name, in small letters."""
        split = re.sub(r"([a-z])([A-Z])", r"\1 \2", self.name)
        return frozenset(re.split(r"[^a-z0-9]+", split.lower()))

    @property
    def noun(self) -> str:
        """The last word of its name: an ``attack_complexity`` is a complexity."""
        return re.split(r"[^a-z0-9]+", self.name.lower())[-1]


def profile(sample: pa.Table, names: Sequence[str]) -> tuple[Field, ...]:
    """The fields *names* of *sample*, whose columns hold text."""
    return tuple(_field(name, sample[name].combine_chunks()) for name in names)


def _field(name: str, column: pa.Array | pa.ChunkedArray) -> Field:
    texts = pc.drop_null(column)
    texts = texts.filter(pc.not_equal(texts, ""))
    present = len(texts)
    if has_lists(texts):
        texts = lists(texts).flatten()
    counted = pc.value_counts(texts)
    values, counts = counted.field("values"), counted.field("counts").to_numpy()
    top = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    return Field(
        name=name,
        kind=_kind(values),
        rows=len(column),
        present=present,
        distinct=len(values),
        values=tuple(values.take(pa.array(top)).to_pylist()),
    )


def _kind(values: pa.Array) -> Kind:
    if not len(values):
        return "empty"
    looks: tuple[tuple[Kind, str], ...] = (
        ("number", _NUMBER), ("address", _ADDRESS), ("time", _MOMENT),
        ("identifier", _IDENTIFIER),
    )  # fmt: skip
    for kind, pattern in looks:
        if pc.mean(pc.match_substring_regex(values, pattern)).as_py() >= _MOSTLY:
            return kind
    return "text" if pc.mean(pc.utf8_length(values)).as_py() >= _LONG else "name"
