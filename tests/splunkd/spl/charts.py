"""``bin``, ``timechart`` and ``chart``: rows into buckets, and one column for each value."""

import math
import re
from collections.abc import Iterator

from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.row_commands import Results
from tests.splunkd.spl.stats import Call, Measure, grouped, parsed
from tests.splunkd.spl.times import span
from tests.splunkd.spl.values import Row, SearchRefused, Value, many, number, order

_AUTOMATIC = (
    (900, 10), (3600, 60), (14400, 300), (86400, 1800), (604800, 3600 * 6), (2592000, 86400),
)  # fmt: skip
_MOST_SERIES = 10


def binned(results: Results, arguments: str, _: Knowledge) -> Results:
    """``bin [span=s] field [AS name]``: the beginning of each value's bucket."""
    match = re.fullmatch(
        r"\s*(?:span=(\S+)\s+)?(\w+)(?:\s+span=(\S+))?(?:\s+AS\s+(\w+))?\s*", arguments, re.I
    )
    if match is None:
        raise SearchRefused("Error in 'bin' command: The simulator knows bin [span=s] field.")
    name, width = match[2], match[1] or match[3]
    if width is None:
        raise SearchRefused("Error in 'bin' command: The simulator needs a span.")
    size = span(width) if name == "_time" else float(number(width) or 1)
    shown = match[4] or name

    def rows() -> Iterator[Row]:
        for row in results.rows:
            value = number(row.get(name))
            if value is not None:
                start = math.floor(value / size) * size
                end = _plain(start + size)
                row[shown] = start if name == "_time" else f"{_plain(start)}-{end}"
            yield row

    return results.then(rows())


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def timechart(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """One row for each span of time, empty ones too; with BY one column for each value."""
    call = parsed(arguments, knowledge, "timechart")
    rows = list(results.rows)
    times = [float(t) for t in (number(row.get("_time")) for row in rows) if t is not None]
    first, last = _range(knowledge, times)
    width = span(call.given["span"]) if "span" in call.given else _width(last - first)
    for row in rows:
        time = number(row.get("_time"))
        row["_bucket"] = int((time or 0) // width * width)
    columns = _series(call, rows)
    made = _table(call, rows, columns, "_bucket")
    start = int(first // width * width)
    every = range(start, max(int(last) if last > start else start + 1, start + 1), width)
    filled: list[Row] = []
    counting = {name for name, measure, _ in columns if measure.counts_rows}
    for bucket in sorted({*every, *(int(key) for key in made)}) if rows else []:
        row = {"_time": float(bucket), **made.get(str(bucket), {})}
        row |= {name: 0 for name in counting if name not in row}
        row["_span"] = width
        filled.append(row)
    names = ["_time", *(name for name, _, _ in columns)]
    return Results(filled, [*names, "_span"], True, results.messages)


def _range(knowledge: Knowledge, times: list[float]) -> tuple[float, float]:
    """The time range of the search, or that of the events where it is open."""
    bounds = knowledge.bounds
    first = bounds.earliest if bounds.earliest else min(times, default=0.0)
    last = bounds.latest if bounds.latest is not None else max(times, default=0.0) + 1
    return first, last


def _width(seconds: float) -> int:
    return next((width for most, width in _AUTOMATIC if seconds <= most), 86400 * 30)


def chart(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """``chart f OVER x BY y``, or ``chart f BY x[, y]``."""
    over = re.search(r"\s+OVER\s+(\S+)", arguments, re.I)
    if over:
        rest = re.sub(r"\s+OVER\s+\S+", "", arguments, flags=re.I)
        call = parsed(rest, knowledge, "chart")
        by, split = over[1], call.by
    else:
        call = parsed(arguments, knowledge, "chart")
        if not call.by:
            raise SearchRefused("Error in 'chart' command: The simulator needs BY or OVER.")
        by, split = call.by[0], call.by[1:]
    own = Call(call.measures, split, call.given)
    rows = list(results.rows)
    columns = _series(own, rows)
    made = _table(own, rows, columns, by)
    counting = {name for name, measure, _ in columns if measure.counts_rows}
    shown: list[Row] = []
    for key in sorted(made, key=order):
        row: Row = {by: key, **made[key]}
        row |= {name: 0 for name in counting if name not in row}
        shown.append(row)
    return Results(shown, [by, *(name for name, _, _ in columns)], True, results.messages)


def _series(call: Call, rows: list[Row]) -> list[tuple[str, Measure, str | None]]:
    """The columns: a measure each, or one for each of the most frequent values of the BY field."""
    if not call.by:
        return [(measure.name, measure, None) for measure in call.measures]
    counted: dict[str, int] = {}
    for row in rows:
        for value in many(row.get(call.by[0])):
            counted[value] = counted.get(value, 0) + 1
    limit = int(call.given.get("limit", _MOST_SERIES))
    kept = sorted(sorted(counted, key=lambda v: -counted[v])[: limit or None])
    several = len(call.measures) > 1
    columns: list[tuple[str, Measure, str | None]] = [
        (f"{measure.name}: {value}" if several else value, measure, value)
        for measure in call.measures
        for value in kept
    ]
    others = len(counted) > len(kept)
    if others and call.given.get("useother", "t").lower() in ("t", "true", "1"):
        columns += [("OTHER", measure, None) for measure in call.measures]
    return columns


def _table(
    call: Call, rows: list[Row], columns: list[tuple[str, Measure, str | None]], key: str
) -> dict[str, Row]:
    made: dict[str, Row] = {}
    named = {value for _, _, value in columns}
    for (bucket,), group in grouped(rows, [key]).items():
        row: Row = {}
        for name, measure, value in columns:
            found = group
            if call.by:
                own = call.by[0]
                found = [
                    (t, r) for t, r in group
                    if (value in many(r.get(own)) if value is not None
                        else any(v not in named for v in many(r.get(own))))
                ]  # fmt: skip
            shown: Value | None = measure.of(found) if found else None
            if shown is not None:
                row[name] = shown
        made[bucket] = row
    return made
