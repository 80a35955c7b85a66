"""Computes features of events from the text of their fields, as the service does.

An empty text is missing, and so is text that is not a number where a number is needed. Missing
values are NaN. The service converts text to numbers by DuckDB's grammar; `number` implements that
grammar.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .model import PortableFeature

NAN = math.nan
TEXT_LIMIT = 4096  # how many characters entropy reads
KINDS = (
    "number", "category", "length", "entropy", "digits", "ratio", "hour_of_day", "day_of_week",
    "is_private_ip",
)  # fmt: skip
TIMES = ("event_time", "arrival_time")  # not fields of the event's data: every event has them
_BLANK = " \t\n\v\f\r"
_KEPT = 20_000  # for how many texts a column caches the feature
_NO_DIGIT = re.compile(r"[^0-9]+")
_PRIVATE = re.compile(
    r"(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2[0-9]|3[01])\.)"
    r"|(::1\Z|[fF][cCdD][0-9a-fA-F]{0,2}:|[fF][eE][89abAB][0-9a-fA-F]?:)"
)
_ADDRESS = re.compile(r"([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)\Z")
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000


class Column(NamedTuple):
    """One field of some events: a text for each event, and all values where there are several."""

    texts: Sequence[str]  # empty: missing. Ignored for events with several values
    several: Mapping[int, Sequence[str]] = {}  # row → its values: at least two, none empty


class Times(NamedTuple):
    """When events happened and arrived, in microseconds since 1970; None: unknown."""

    event_time: Sequence[int | None]
    arrival_time: Sequence[int | None]


Fields = Callable[[str], Column]


class Features:
    """Computes the columns of a model; caches the texts that it has read."""

    def __init__(self, features: Sequence[PortableFeature]) -> None:
        """Prepare for *features*.

        Raises:
            ValueError: a feature is of a kind that is not portable.
        """
        for feature in features:
            if feature.kind not in KINDS:
                raise ValueError(f"features of kind {feature.kind!r} are not portable")
        self._features = features
        self._numbers = _Memo(number)
        self._read = [_memo_of(feature) for feature in features]

    def columns(self, fields: Fields, times: Times) -> list[list[float]]:
        """A column of numbers for each feature of some events; NaN where missing."""
        return [
            self._column(feature, memo, fields, times)
            for feature, memo in zip(self._features, self._read)
        ]

    def _column(
        self, feature: PortableFeature, memo: _Memo | None, fields: Fields, times: Times
    ) -> list[float]:
        if feature.kind in ("hour_of_day", "day_of_week"):
            of = _hour if feature.kind == "hour_of_day" else _day
            return [of(time) for time in getattr(times, feature.field)]
        column = fields(feature.field)
        if feature.kind == "number":
            return self._taken(column, feature.take)
        if feature.kind == "ratio":
            above = self._taken(column, feature.take)
            below = self._taken(fields(feature.divisor or ""), feature.take)
            return [_ratio(a, b) for a, b in zip(above, below)]
        join = joined(feature.kind)
        if memo is None:
            lengths: list[float] = [len(text) or NAN for text in column.texts]
            for row, values in column.several.items():
                lengths[row] = len(join(values))
            return lengths
        found = [memo[text] for text in column.texts]
        for row, values in column.several.items():
            found[row] = memo[join(values)]
        return found

    def _taken(self, column: Column, take: str) -> list[float]:
        """The numbers of a field; where an event has several, the one that *take* selects."""
        found = self._plain(column.texts)
        for row, values in column.several.items():
            found[row] = _of_several([self._numbers[value] for value in values], take)
        return found

    def _plain(self, texts: Sequence[str]) -> list[float]:
        """A number for each of *texts*; few columns contain text that Python reads differently."""
        if "".join(texts).isascii():
            try:
                found = list(map(float, [text or "nan" for text in texts]))
            except ValueError:  # an address, a date
                pass
            else:
                if math.inf not in found and -math.inf not in found:
                    return found
        numbers = self._numbers
        return [numbers[text] for text in texts]


def number(text: str) -> float:
    """What DuckDB makes of *text* as a double, if that is finite; otherwise NaN.

    Its grammar is Python's without other scripts' digits and white space, but ``+-1`` means -1.
    """
    if not text.isascii():
        return NAN
    bare = text.strip(_BLANK)
    try:
        found = float(bare[1:] if bare.startswith("+-") else bare)
    except ValueError:
        return NAN
    return found if math.isfinite(found) else NAN


def joined(kind: str) -> Callable[[Sequence[str]], str]:
    """How a feature of *kind* joins several values into one text."""
    if kind == "category":
        return _as_set
    return _first if kind == "is_private_ip" else _as_text


def _as_set(values: Sequence[str]) -> str:
    return ", ".join(sorted(set(values)))


def _as_text(values: Sequence[str]) -> str:
    return " ".join(values)


def _first(values: Sequence[str]) -> str:
    return values[0]


class _Memo(dict[str, float]):
    """Caches what a function makes of texts."""

    def __init__(self, read: Callable[[str], float]) -> None:
        super().__init__()
        self._of = read

    def __missing__(self, text: str) -> float:
        found = self._of(text)
        if len(text) <= TEXT_LIMIT:
            if len(self) >= _KEPT:
                self.clear()
            self[text] = found
        return found


def _memo_of(feature: PortableFeature) -> _Memo | None:
    """The function that reads the texts of *feature*; None if it does not read text."""
    reads: dict[str, Callable[[str], float]] = {
        "category": _looked_up(feature.vocabulary or {}),
        "digits": lambda text: len(_NO_DIGIT.sub("", text)) if text else NAN,
        "entropy": entropy,
        "is_private_ip": _is_private,
    }
    return _Memo(reads[feature.kind]) if feature.kind in reads else None


def _looked_up(vocabulary: Mapping[str, float]) -> Callable[[str], float]:
    return lambda text: vocabulary.get(text, 0.0) if text else NAN


def entropy(text: str) -> float:
    """Bits per character in the first `TEXT_LIMIT` characters of *text*."""
    if not text:
        return NAN
    counts = Counter(text[:TEXT_LIMIT])
    if len(counts) == 1:
        return 0.0
    total = min(len(text), TEXT_LIMIT)
    return math.fsum(n / total * math.log2(total / n) for n in counts.values())


def _is_private(text: str) -> float:
    if not _ADDRESS.match(text):
        return NAN
    return 1.0 if _PRIVATE.match(text) else 0.0


def _hour(time: int | None) -> float:
    return NAN if time is None else float(time % _DAY_US // _HOUR_US)


def _day(time: int | None) -> float:
    """The day of the week: Monday is 1; 1 January 1970 was a Thursday."""
    return NAN if time is None else float((time // _DAY_US + 3) % 7 + 1)


def _of_several(numbers: Sequence[float], take: str) -> float:
    if take == "first":
        return numbers[0]
    known = [each for each in numbers if each == each]  # false for NaN
    if not known:
        return NAN
    if take == "sum":
        total = 0.0  # unlike DuckDB's sum, Python's own compensates for rounding
        for each in known:
            total += each
        return total if math.isfinite(total) else NAN
    return min(known) if take == "min" else max(known)


def _ratio(above: float, below: float) -> float:
    found = above / below if below else NAN
    return found if math.isfinite(found) else NAN
