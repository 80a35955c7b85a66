"""How the values of a group's events become one value of the unit: the closed list of reducers.

An empty text is a missing value, and reducers skip missing values: ``first`` is the first value
present. Events are in order of time, then id. ``min``, ``max``, ``sum`` and ``mean`` read numbers,
``any`` reads true and false; a value that they cannot read is counted as such and is missing. If no
value is left the result is missing, except that ``count`` and ``distinct`` are 0. Between equally
common texts ``most_common`` takes the smaller. Sums are kept as integer thousandths, as in windows.

If an event's field has several values, ``min``, ``max``, ``sum``, ``mean``, ``any`` and
``distinct`` count each of them. ``first`` and ``last`` give all the values of that event,
``most_common`` takes them as one set, and ``count`` counts the event once.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import pyarrow as pa

from scoreback.models.detector.units import EVENTS, Reduced
from scoreback.models.features.several_values import KEY, VALUES
from scoreback.models.features.windows import SCALE, SUM_LIMIT

_INT = pa.int64()
_EVENT = pa.struct([("time", pa.int64()), ("id", pa.string()), ("value", pa.string())])
_HALF = 1 << 32  # sums of thousandths are kept in two halves, each of which fits 64 bits
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class Sum(NamedTuple):
    """One column kept for a unit's events, and the SQL that computes it."""

    name: str
    type: pa.DataType
    of_events: str  # over columns time, id and v0, v1, ... of the events
    of_sums: str  # over this column of earlier sums


def reading_of(reduced: Reduced) -> str | None:
    """How `several_values` reads the reduced field; None: unchanged."""
    if reduced.reducer == "most_common":
        return KEY
    return None if reduced.reducer in ("first", "last", "count") else VALUES


def sums_of(i: int, reduced: Reduced, *, listed: bool = False) -> list[Sum]:
    """The columns kept for the *i*-th reduced field; if *listed*, ``v{i}`` holds lists."""
    value = f"v{i}"
    of_numbers = _Reducing(i, listed, "TRY_CAST({} AS DOUBLE)")
    match reduced.reducer:
        case "first" | "last":
            end = "min" if reduced.reducer == "first" else "max"
            event = f"{{'time': time, 'id': id, 'value': {value}}}"
            return [_sum(f"pick{i}", _EVENT, f"{end}({event}) FILTER ({value} IS NOT NULL)", end)]
        case "min" | "max":
            readable = f"isfinite({of_numbers.value})"
            pick = of_numbers.sum("pick", pa.float64(), reduced.reducer, readable)
            return [pick, of_numbers.bad(readable)]
        case "sum" | "mean":
            readable = f"abs({of_numbers.value}) <= {SUM_LIMIT}"
            rounded = f"round({of_numbers.value} * {SCALE})::BIGINT"
            whole = f"(CASE WHEN {readable} THEN {rounded} END)"
            low = f"((({whole} % {_HALF}) + {_HALF}) % {_HALF})"
            return [
                replace(of_numbers, value=f"(({whole} - {low}) // {_HALF})").sum("high"),
                replace(of_numbers, value=low).sum("low"),
                replace(of_numbers, value=whole).sum("numbers", how="count"),
                of_numbers.bad(readable),
            ]
        case "count" if reduced.field != EVENTS:
            return [_sum(f"numbers{i}", pa.int64(), f"count({value})", "sum")]
        case "any":
            known = ", ".join(f"'{word}'" for word in (*_TRUE, *_FALSE))
            true = ", ".join(f"'{word}'" for word in _TRUE)
            readable = f"lower({{}}) IN ({known})"
            of_truths = _Reducing(i, listed, f"lower({{}}) IN ({true})")
            return [of_truths.sum("pick", pa.bool_(), "bool_or", readable), of_truths.bad(readable)]
    return []


def with_values(reduced: Reduced) -> bool:
    """Whether *reduced* needs a count of each value."""
    return reduced.reducer in ("distinct", "most_common")


def value_of(i: int, reduced: Reduced) -> str:
    """SQL for ``unit`` and ``value`` of a field whose values are counted in table ``counted``."""
    mine = f"FROM counted WHERE field = {i}"
    if reduced.reducer == "distinct":
        return f"SELECT unit, count(*)::VARCHAR AS value {mine} GROUP BY unit"
    return (
        f"SELECT unit, value {mine} QUALIFY row_number()"
        " OVER (PARTITION BY unit ORDER BY events DESC, value) = 1"
    )


def finished(i: int, reduced: Reduced) -> str:
    """SQL for the *i*-th reduced field, as text, of a unit whose sums are complete."""
    thousandths = f"(high{i}::HUGEINT * {_HALF} + low{i})::DOUBLE / {SCALE}"
    match reduced.reducer:
        case "first" | "last":
            return f"pick{i}.value"
        case "min" | "max":
            return _text(f"pick{i}")
        case "sum":
            return f"CASE WHEN numbers{i} > 0 THEN {_text(thousandths)} END"
        case "mean":
            return f"CASE WHEN numbers{i} > 0 THEN {_text(f'{thousandths} / numbers{i}')} END"
        case "count":
            return "units.events::VARCHAR" if reduced.field == EVENTS else f"numbers{i}::VARCHAR"
        case "any":
            return f"CASE WHEN pick{i} THEN 'true' WHEN NOT pick{i} THEN 'false' END"
        case "distinct":
            return f"coalesce(most{i}.value, '0')"
        case _:
            return f"most{i}.value"


@dataclass(frozen=True, slots=True)
class _Reducing:
    """Sums over the values of one field; ``{}`` in an expression stands for a value."""

    i: int
    listed: bool  # whether the field holds lists of values
    value: str

    def sum(self, name: str, kind: pa.DataType = _INT, how: str = "sum", where: str = "") -> Sum:
        """The aggregate *how* over all values, or over those for which *where* holds."""
        field, value = f"v{self.i}", self.value
        again = "sum" if how == "count" else how
        if not self.listed:
            of_events = f"{how}({_of(value, field)})"
            of_events += f" FILTER ({_of(where, field)})" if where else ""
        else:
            some = f"list_filter({field}, lambda v: {_of(where, 'v')})" if where else field
            each = f"list_transform({some}, lambda v: {_of(value, 'v')})"
            if how == "count":
                of_event = f"len(list_filter({each}, lambda v: v IS NOT NULL))"
            else:
                of_event = f"list_{how}({each})"
            of_events = f"{again}({of_event})"
        return _sum(f"{name}{self.i}", kind, of_events, again)

    def bad(self, readable: str) -> Sum:
        """The number of values that are present but not *readable*."""
        unreadable = f"{{}} IS NOT NULL AND NOT coalesce({readable}, false)"
        return replace(self, value="1").sum("bad", how="count", where=unreadable)


def _of(expression: str, value: str) -> str:
    return expression.replace("{}", value)


def _sum(name: str, kind: pa.DataType, of_events: str, again: str) -> Sum:
    of_sums = f"{again}({name}) FILTER ({name} IS NOT NULL)"
    if kind == _INT:  # DuckDB adds in 128 bits; these sums all fit 64
        of_events, of_sums = f"coalesce({of_events}, 0)::BIGINT", f"({of_sums})::BIGINT"
    return Sum(name, kind, of_events, of_sums)


def _text(number: str) -> str:
    """A number as SIEMs write it: 5, not 5.0."""
    whole = f"{number} = trunc({number}) AND abs({number}) < 1e15"
    return f"CASE WHEN {whole} THEN ({number})::BIGINT::VARCHAR ELSE ({number})::VARCHAR END"
