"""``stats`` and its kin."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product

from tests.splunkd.spl import expression
from tests.splunkd.spl.expression import Expression
from tests.splunkd.spl.functions import Context, scalar, truth
from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.row_commands import Results
from tests.splunkd.spl.values import (
    Row,
    SearchRefused,
    Value,
    many,
    number,
    one_or_many,
    order,
    text,
)

Aggregate = Callable[[list[tuple[float, str]]], Value | None]
"""From the values of a group, each with its event's time, in the order in which they came."""
_MOST_LISTED = 100


def _numbers(values: list[tuple[float, str]]) -> list[int | float]:
    return [n for n in (number(v) for _, v in values) if n is not None]


def _average(values: list[tuple[float, str]]) -> Value | None:
    numbers = _numbers(values)
    return sum(numbers) / len(numbers) if numbers else None


def _sum(values: list[tuple[float, str]]) -> Value | None:
    numbers = _numbers(values)
    return sum(numbers) if numbers else None


def _extreme(largest: bool) -> Aggregate:
    def found(values: list[tuple[float, str]]) -> Value | None:
        chosen = (max if largest else min)((v for _, v in values), key=order, default=None)
        as_number = number(chosen)
        return chosen if as_number is None else as_number

    return found


def _percentile(share: float) -> Aggregate:
    def found(values: list[tuple[float, str]]) -> Value | None:
        numbers = sorted(_numbers(values))
        if not numbers:
            return None
        place = (len(numbers) - 1) * share
        low = int(place)
        high = min(low + 1, len(numbers) - 1)
        return numbers[low] + (numbers[high] - numbers[low]) * (place - low)

    return found


def _deviation(values: list[tuple[float, str]]) -> Value | None:
    numbers = _numbers(values)
    if len(numbers) < 2:
        return 0 if numbers else None
    mean = sum(numbers) / len(numbers)
    return float((sum((n - mean) ** 2 for n in numbers) / (len(numbers) - 1)) ** 0.5)


AGGREGATES: dict[str, Aggregate] = {
    "count": len,
    "dc": lambda values: len({v for _, v in values}),
    "sum": _sum,
    "avg": _average,
    "min": _extreme(largest=False),
    "max": _extreme(largest=True),
    "range": lambda v: max(_numbers(v)) - min(_numbers(v)) if _numbers(v) else None,
    "median": _percentile(0.5),
    "stdev": _deviation,
    "first": lambda values: values[0][1] if values else None,
    "last": lambda values: values[-1][1] if values else None,
    "latest": lambda values: max(values, key=lambda v: v[0], default=(0, None))[1],
    "earliest": lambda values: min(values, key=lambda v: v[0], default=(0, None))[1],
    "values": lambda values: one_or_many(sorted({v for _, v in values})),
    "list": lambda values: one_or_many([v for _, v in values][:_MOST_LISTED]),
}
OTHER_NAMES = {"c": "count", "distinct_count": "dc", "mean": "avg"}
_CALL = re.compile(r"\s*,?\s*([a-z_]+\d*)\s*(\()?", re.IGNORECASE)
_BY = re.compile(r'"(?:[^"\\]|\\.)*"|(?:\A|\s)(BY)\s', re.IGNORECASE)
_ALIAS = re.compile(r'\s*AS\s+(?:"([^"]+)"|([^\s,]+))', re.IGNORECASE)


@dataclass(frozen=True)
class Measure:
    """One aggregate: what of, and under which name."""

    aggregate: Aggregate
    source: str
    name: str
    value: Expression | None = None
    counts_rows: bool = False

    def of(self, rows: list[tuple[float, Row]]) -> Value | None:
        """Its value for the rows of a group."""
        if self.counts_rows:
            return len(rows)
        if self.value is not None:
            counting = self.source.startswith("eval(")
            values = [(t, self.value(row)) for t, row in rows]
            if counting and self.aggregate is AGGREGATES["count"]:
                return sum(truth(v) for _, v in values)
            singles = [(t, scalar(v)) for t, v in values]
            return self.aggregate([(t, text(v)) for t, v in singles if v is not None])
        return self.aggregate([(t, v) for t, row in rows for v in many(row.get(self.source))])


@dataclass(frozen=True)
class Call:
    """The arguments of ``stats``."""

    measures: list[Measure]
    by: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)


def parsed(arguments: str, knowledge: Knowledge, command: str = "stats") -> Call:
    """``count, max(x) AS m BY a, b``."""
    given: dict[str, str] = {}
    rest = arguments
    while option := re.match(r"\s*([a-z_]+)\s*=\s*(\S+)(?:\s+|\Z)", rest):
        given[option[1].lower()] = option[2]
        rest = rest[option.end() :]
    source, after = _before_by(rest)
    by = [b.strip('"') for b in re.findall(r'"[^"]+"|[^\s,]+', after)]
    measures: list[Measure] = []
    position = 0
    while source[position:].strip(" ,"):
        match = _CALL.match(source, position)
        if match is None:
            raise _invalid(command, source[position:].strip())
        position, inside = match.end(), ""
        if match[2]:
            end = _closing(source, position)
            inside, position = source[position:end].strip(), end + 1
        alias = _ALIAS.match(source, position)
        if alias:
            position = alias.end()
        measures.append(_measure(match[1], inside, bool(match[2]), alias, knowledge, command))
    if not measures:
        raise _invalid(command, arguments)
    return Call(measures, by, given)


def _before_by(source: str) -> tuple[str, str]:
    """The measures, and what comes after BY; a word within quotes is none."""
    for match in _BY.finditer(source):
        if match[1]:
            return source[: match.start()], source[match.end() :]
    return source, ""


def _closing(source: str, start: int) -> int:
    depth, quoted = 1, False
    for i in range(start, len(source)):
        c = source[i]
        if c == '"' and source[i - 1] != "\\":
            quoted = not quoted
        if quoted:
            continue
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return i
    raise SearchRefused("Error in 'stats' command: unbalanced parentheses.")


def _invalid(command: str, what: str) -> SearchRefused:
    return SearchRefused(f"Error in '{command}' command: The argument '{what}' is invalid.")


def _measure(
    name: str,
    inside: str,
    called: bool,
    alias: re.Match[str] | None,
    knowledge: Knowledge,
    command: str,
) -> Measure:
    known = OTHER_NAMES.get(name.lower(), name.lower())
    percentile = re.fullmatch(r"(?:p|perc|exactperc|upperperc)(\d+)", known)
    aggregate = _percentile(int(percentile[1]) / 100) if percentile else AGGREGATES.get(known)
    if aggregate is None or (not inside and known != "count"):
        raise _invalid(command, name)
    shown = (alias[1] or alias[2]) if alias else f"{name}({inside})" if called else name
    if not inside:
        return Measure(aggregate, "", shown, counts_rows=True)
    source = inside.strip("\"'")
    if inside.startswith("eval(") and inside.endswith(")"):
        value = expression.parse(inside[5:-1], Context(knowledge.now))
        return Measure(aggregate, inside, shown, value)
    return Measure(aggregate, source, shown)


def grouped(rows: Iterable[Row], by: list[str]) -> dict[tuple[str, ...], list[tuple[float, Row]]]:
    """Rows by the values of fields, each value of several on its own."""
    groups: dict[tuple[str, ...], list[tuple[float, Row]]] = {}
    for row in rows:
        time = number(row.get("_time")) or 0
        for key in product(*(many(row.get(name)) for name in by)):
            groups.setdefault(key, []).append((time, row))
    return groups


def stats(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """One row for each group."""
    call = parsed(arguments, knowledge)
    needed = {m.source for m in call.measures} | set(call.by) | {"_time"}
    whole = any(m.value is not None for m in call.measures)
    slim = (row if whole else {k: v for k, v in row.items() if k in needed} for row in results.rows)
    groups = grouped(slim, call.by)
    if not call.by:
        groups = {(): groups.get((), [])}
    rows: list[Row] = []
    for key in sorted(groups, key=lambda key: [order(part) for part in key]):
        row: Row = dict(zip(call.by, key, strict=True))
        for measure in call.measures:
            value = measure.of(groups[key])
            if value is not None:
                row[measure.name] = value
        rows.append(row)
    columns = call.by + [measure.name for measure in call.measures]
    return Results(rows, columns, transformed=True, messages=results.messages)


def eventstats(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """Each row with its group's aggregates."""
    call = parsed(arguments, knowledge, "eventstats")
    rows = list(results.rows)
    for group in grouped(rows, call.by).values():
        made = {m.name: m.of(group) for m in call.measures}
        for _, row in group:
            row.update({name: value for name, value in made.items() if value is not None})
    return results.then(rows)


def top(results: Results, arguments: str, _: Knowledge, rarest: bool = False) -> Results:
    """The most frequent values of fields."""
    match = re.match(r"\s*(?:limit=)?(\d+)?\s*(.*)\Z", arguments, re.DOTALL)
    limit = int(match[1]) if match and match[1] else 10
    names = [n for n in re.split(r"[\s,]+", match[2] if match else "") if n]
    groups = grouped(results.rows, names)
    total = sum(len(group) for group in groups.values())
    ranked = sorted(groups.items(), key=lambda item: (len(item[1]), item[0]), reverse=not rarest)
    rows: list[Row] = [
        {
            **dict(zip(names, key, strict=True)),
            "count": len(group),
            "percent": f"{100 * len(group) / total:.6f}",
        }
        for key, group in ranked[: limit or None]
    ]
    return Results(rows, [*names, "count", "percent"], True, results.messages)


def rare(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """The least frequent values of fields."""
    return top(results, arguments, knowledge, rarest=True)
