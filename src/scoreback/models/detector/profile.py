"""Profiles the fields of a sample of events: types, distinct values, missing values."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.models.detector.meaning import words_of
from scoreback.multivalue import firsts, has_lists, lists
from scoreback.timestamps import TimeReader

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_ADDRESS = r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]+:[0-9a-fA-F:.]*)$"
_IDENTIFIER = r"^[0-9a-fA-F]{8}[0-9a-fA-F-]{8,}$"  # a hash, a UUID
_MOSTLY = 0.98  # share of values that must look like a type
_LONG = 18.0  # mean number of characters; above, a field is a text, not a name
_EACH_ONCE = 0.9  # distinct values per row; below, values repeat
_LOOKED_AT = 2_000  # values whose shape is examined
_SHAPES = 12  # shapes; names that machines generate have fewer
_OFTEN = 5  # rows with a value from which it counts as repeating
_TIME_WORDS = frozenset(("time", "timestamp", "ts", "date", "at", "epoch", "when", "created"))
MOST_VALUES = 40  # most values kept of a field that could be a label

Kind = Literal["number", "address", "time", "identifier", "text", "name", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the sample."""

    name: str
    kind: Kind
    rows: int
    present: int
    distinct: int
    values: tuple[
        str, ...
    ]  # most frequent first, at most `MOST_VALUES`; elements of lists count each
    counts: tuple[int, ...]  # how often each of `values` occurs
    again: float  # share of non-missing values that occur at least `_OFTEN` times
    spelt: bool  # composed of parts in varying ways, such as domains, paths, commands
    texts: pa.Array = field(
        repr=False, compare=False
    )  # the column: first values of lists, null if empty

    @property
    def missing(self) -> float:
        """The share of events without it."""
        return 1 - self.present / max(self.rows, 1)

    @property
    def repeats(self) -> float:
        """Events per distinct value."""
        return self.present / max(self.distinct, 1)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name, in lower case."""
        return tuple(words_of(self.name))

    @property
    def noun(self) -> str:
        """The last word of its name: an ``attack_complexity`` is a complexity."""
        return self.words[-1] if self.words else ""


def profile(sample: pa.Table, names: Sequence[str]) -> tuple[Field, ...]:
    """Profile the fields *names* of *sample*, which are columns of text."""
    return tuple(_field(name, flat(sample[name])) for name in names)


def _field(name: str, column: pa.Array) -> Field:
    texts = pc.drop_null(column)
    texts = texts.filter(pc.not_equal(texts, ""))
    present = len(texts)
    if has_lists(texts):
        texts = lists(texts).flatten()
    counted = pc.value_counts(texts)
    values, counts = counted.field("values"), counted.field("counts").to_numpy()
    top = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    first = firsts(column)
    spelt = bool(len(values)) and _spells(_some(values))
    return Field(
        name=name,
        kind=_kind(name, values, present, spelt=spelt),
        rows=len(column),
        present=present,
        distinct=len(values),
        values=tuple(values.take(pa.array(top)).to_pylist()),
        counts=tuple(counts[top].tolist()),
        again=float(counts[counts >= _OFTEN].sum() / max(counts.sum(), 1)),
        spelt=spelt,
        texts=pc.if_else(pc.equal(first, ""), pa.scalar(None, pa.string()), first),
    )


def _kind(name: str, values: pa.Array, present: int, *, spelt: bool) -> Kind:
    if not len(values):
        return "empty"
    few = _some(values)
    looks: tuple[tuple[Kind, str], ...] = (
        ("number", _NUMBER), ("address", _ADDRESS), ("identifier", _IDENTIFIER),
    )  # fmt: skip
    for kind, pattern in looks:
        if pc.mean(pc.match_substring_regex(few, pattern)).as_py() >= _MOSTLY:
            dated = kind == "number" and _TIME_WORDS & set(words_of(name)) and _times(few)
            return "time" if dated else kind
    if _times(few):
        return "time"
    if len(values) >= _EACH_ONCE * present and len(values) >= _SHAPES and _given_by_a_machine(few):
        return "identifier"
    if pc.mean(pc.utf8_length(few)).as_py() >= _LONG:
        return "text"
    return "text" if spelt and present < 2 * len(values) else "name"


def _some(values: pa.Array) -> pa.Array:
    return values.take(pa.array(range(0, len(values), max(len(values) // _LOOKED_AT, 1))))


def _times(values: pa.Array) -> bool:
    begins = pc.mean(pc.match_substring_regex(values, r"^\s*([0-9]{9}|[0-9]{1,4}[-/])")).as_py()
    if begins < _MOSTLY:
        return False  # opening the engine is slow, so skip what is clearly no time
    with closing(TimeReader()) as reader:
        unread: int = reader.read(values).values.null_count
    return unread <= (1 - _MOSTLY) * len(values)


def _given_by_a_machine(values: pa.Array) -> bool:
    """Whether *values* are numbers in a fixed pattern (``CVE-2024-0001``), or random words."""
    in_one = pc.match_substring_regex(
        values, r"^[^\s/\\]*[0-9][^\s/\\]*$"
    )  # not a command or a path
    if pc.mean(in_one).as_py() < 0.8:
        return False
    one_word = pc.match_substring_regex(values, r"^[A-Za-z0-9]{12,}$")
    random = bool(pc.mean(one_word).as_py() >= _MOSTLY)
    return random or len(pc.unique(_shapes(values))) < _SHAPES


def _spells(values: pa.Array) -> bool:
    parts = pc.match_substring_regex(values, r"[A-Za-z0-9][^A-Za-z0-9]+[A-Za-z0-9]")
    return bool(pc.mean(parts).as_py() >= 0.5 and len(pc.unique(_shapes(values))) >= _SHAPES)


def _shapes(values: pa.Array) -> pa.Array:
    """The shape of each of *values*: every letter as ``a``, every digit as ``0``."""
    letters = pc.replace_substring_regex(values, "[A-Za-z]", "a")
    return pc.replace_substring_regex(letters, "[0-9]", "0")
