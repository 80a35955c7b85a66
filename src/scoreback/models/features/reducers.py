"""How the values of a group's events become one value of the unit: the closed list of reducers.

An empty text is a missing value, and a missing value is none: ``first`` is the first there is.
Events are in order of time, then id. ``min``, ``max``, ``sum`` and ``mean`` read numbers, ``any``
reads true and false; what they cannot read is counted, and is missing. Without a value to reduce
the result is missing, but ``count`` and ``distinct`` are then 0. ``most_common`` takes the smaller
text of two that come as often. Sums are of thousandths, as integers, as in windows.
"""

from typing import NamedTuple

import pyarrow as pa

from scoreback.models.detector.units import EVENTS, Reduced
from scoreback.models.features.windows import SCALE, SUM_LIMIT

_EVENT = pa.struct([("time", pa.int64()), ("id", pa.string()), ("value", pa.string())])
_HALF = 1 << 32  # sums of thousandths are kept in two halves: each of them fits 64 bits
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class Sum(NamedTuple):
    """One column that is kept of a unit's events, and the SQL that makes it."""

    name: str
    type: pa.DataType
    of_events: str  # over columns time, id and v0, v1, ... of the events
    of_sums: str  # over this column of earlier sums


def sums_of(i: int, reduced: Reduced) -> list[Sum]:
    """What is kept for the *i*-th reduced field."""
    value = f"v{i}"
    match reduced.reducer:
        case "first" | "last":
            end = "min" if reduced.reducer == "first" else "max"
            event = f"{{'time': time, 'id': id, 'value': {value}}}"
            return [_sum(f"pick{i}", _EVENT, end, event, f"{value} IS NOT NULL")]
        case "min" | "max":
            number = f"TRY_CAST({value} AS DOUBLE)"
            readable = f"isfinite({number})"
            pick = _sum(f"pick{i}", pa.float64(), reduced.reducer, number, readable)
            return [pick, _bad(i, readable)]
        case "sum" | "mean":
            number = f"TRY_CAST({value} AS DOUBLE)"
            readable = f"abs({number}) <= {SUM_LIMIT}"
            whole = f"(CASE WHEN {readable} THEN round({number} * {SCALE})::BIGINT END)"
            low = f"(({whole} % {_HALF}) + {_HALF}) % {_HALF}"
            return [
                _sum(f"high{i}", pa.int64(), "sum", f"({whole} - {low}) // {_HALF}"),
                _sum(f"low{i}", pa.int64(), "sum", low),
                _sum(f"numbers{i}", pa.int64(), "count", whole),
                _bad(i, readable),
            ]
        case "count" if reduced.field != EVENTS:
            return [_sum(f"numbers{i}", pa.int64(), "count", value)]
        case "any":
            known = ", ".join(f"'{word}'" for word in (*_TRUE, *_FALSE))
            true = ", ".join(f"'{word}'" for word in _TRUE)
            readable = f"lower({value}) IN ({known})"
            pick = _sum(f"pick{i}", pa.bool_(), "bool_or", f"lower({value}) IN ({true})", readable)
            return [pick, _bad(i, readable)]
    return []


def with_values(reduced: Reduced) -> bool:
    """Whether each value is counted for *reduced*."""
    return reduced.reducer in ("distinct", "most_common")


def value_of(i: int, reduced: Reduced) -> str:
    """SQL for ``unit`` and ``value`` of a field that counts each value in ``counted``."""
    mine = f"FROM counted WHERE field = {i}"
    if reduced.reducer == "distinct":
        return f"SELECT unit, count(*)::VARCHAR AS value {mine} GROUP BY unit"
    return (
        f"SELECT unit, value {mine} QUALIFY row_number()"
        " OVER (PARTITION BY unit ORDER BY events DESC, value) = 1"
    )


def finished(i: int, reduced: Reduced) -> str:
    """SQL for the text that the *i*-th reduced field is in a unit whose sums are complete."""
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


def _sum(name: str, kind: pa.DataType, how: str, value: str, where: str = "") -> Sum:
    of_events = f"{how}({value})" + (f" FILTER ({where})" if where else "")
    again = "sum" if how == "count" else how
    of_sums = f"{again}({name}) FILTER ({name} IS NOT NULL)"
    if kind == pa.int64():  # DuckDB adds in 128 bits; none of these sums needs them
        of_events, of_sums = f"coalesce({of_events}, 0)::BIGINT", f"({of_sums})::BIGINT"
    return Sum(name, kind, of_events, of_sums)


def _bad(i: int, readable: str) -> Sum:
    unreadable = f"v{i} IS NOT NULL AND NOT coalesce({readable}, false)"
    return _sum(f"bad{i}", pa.int64(), "count", "*", unreadable)


def _text(number: str) -> str:
    """A number as SIEMs write it: 5, not 5.0."""
    whole = f"{number} = trunc({number}) AND abs({number}) < 1e15"
    return f"CASE WHEN {whole} THEN ({number})::BIGINT::VARCHAR ELSE ({number})::VARCHAR END"
