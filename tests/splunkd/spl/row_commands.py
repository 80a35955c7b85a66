"""Commands that look at one row after the other, and do not change what a row is."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.splunkd.spl import expression, predicate
from tests.splunkd.spl.functions import Context, truth
from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.lookups import lookup_call
from tests.splunkd.spl.text_functions import regex
from tests.splunkd.spl.tokens import options, words
from tests.splunkd.spl.values import Row, SearchRefused, Value, many, number, order, wildcard


@dataclass
class Results:
    """Rows under way from one command to the next."""

    rows: Iterable[Row]
    columns: list[str] | None = None
    """The order of fields, where a command has fixed it."""
    transformed: bool = False
    """Rows are not events any more."""
    messages: list[tuple[str, str]] = field(default_factory=list)

    def then(self, rows: Iterable[Row], columns: list[str] | None = None) -> "Results":
        """The same with other rows."""
        kept = self.columns if columns is None else columns
        return Results(rows, kept, self.transformed, self.messages)


Command = Callable[[Results, str, Knowledge], Results]


def search(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """Rows that fit."""
    holds = predicate.compiled(predicate.parse(arguments), knowledge)
    return results.then(row for row in results.rows if holds(row))


def where(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """Rows for which an expression is true."""
    holds = expression.parse(arguments, Context(knowledge.now))
    return results.then(row for row in results.rows if truth(holds(row)))


def evaluated(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """Rows with calculated fields."""
    made = expression.assignments(arguments, Context(knowledge.now))

    def rows() -> Iterator[Row]:
        for row in results.rows:
            for name, value in made:
                expression.assign(row, name, value(row))
            yield row

    columns = results.columns
    if columns is not None:
        columns = columns + [name for name, _ in made if name not in columns]
    return results.then(rows(), columns)


def _named(arguments: str) -> list[str]:
    return [w.text for w in words(arguments) if w.quoted or w.text != ","]


def fields(results: Results, arguments: str, _: Knowledge) -> Results:
    """``fields a b`` keeps these and internal ones, ``fields - a`` removes."""
    sign = re.match(r"\s*([+-])\s+|\s*([+-])(?=\w)", arguments)
    removes = bool(sign and "-" in sign[0])
    names = _named(arguments[sign.end() :] if sign else arguments)
    if not names:
        raise SearchRefused("Error in 'fields' command: Invalid argument: ''")
    exact = {name for name in names if "*" not in name}
    patterns = [wildcard(name, ignore_case=False) for name in names if "*" in name]

    decided: dict[str, bool] = {}

    def listed(name: str) -> bool:
        known = decided.get(name)
        if known is None:
            known = name in exact or any(pattern.match(name) for pattern in patterns)
            decided[name] = known
        return known

    if removes:
        columns = None if results.columns is None else [c for c in results.columns if not listed(c)]
        return results.then(
            ({k: v for k, v in row.items() if not listed(k)} for row in results.rows), columns
        )
    columns = None if patterns else names
    if results.columns is not None:
        columns = [c for c in results.columns if listed(c) or c.startswith("_")]
    if columns is not None and not patterns:
        keep = exact

        def narrowed() -> Iterator[Row]:
            for row in results.rows:
                yield {k: v for k, v in row.items() if k in keep or k[:1] == "_"}

        return results.then(narrowed(), columns if results.columns is not None else None)
    return results.then(
        {k: v for k, v in row.items() if listed(k) or k.startswith("_")} for row in results.rows
    )


def table(results: Results, arguments: str, _: Knowledge) -> Results:
    """Only these fields, in this order."""
    names = _named(arguments)
    if not any("*" in name for name in names):
        rows = ({n: row[n] for n in names if n in row} for row in results.rows)
        return Results(rows, names, transformed=True, messages=results.messages)
    kept = list(results.rows)
    seen = dict.fromkeys(key for row in kept for key in row)
    columns: list[str] = []
    for name in names:
        pattern = wildcard(name, ignore_case=False)
        hits = [c for c in seen if pattern.match(c)] if "*" in name else [name]
        columns += [
            c
            for c in hits
            if c not in columns and (name[0] == "_" or "*" not in name or c[0] != "_")
        ]
    rows = ({n: row[n] for n in columns if n in row} for row in kept)
    return Results(rows, columns, transformed=True, messages=results.messages)


def rename(results: Results, arguments: str, _: Knowledge) -> Results:
    """``rename a AS b``, with wildcards on both sides."""
    parts = [w for w in words(arguments) if w.quoted or w.text != ","]
    if len(parts) % 3 or any(parts[i + 1].text.upper() != "AS" for i in range(0, len(parts), 3)):
        raise SearchRefused("Error in 'rename' command: Usage: rename [old_name AS new_name]+.")
    pairs = [(parts[i].text, parts[i + 2].text) for i in range(0, len(parts), 3)]

    def renamed(names: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for old, new in pairs:
            if "*" not in old:
                found[old] = new
                continue
            pattern = re.compile("(.*)".join(map(re.escape, old.split("*"))) + r"\Z")
            for name in names:
                match = pattern.match(name)
                if match:
                    groups = iter(match.groups())
                    found[name] = re.sub(r"\*", lambda _, g=groups: next(g, ""), new)  # type: ignore[misc]
        return found

    def rows() -> Iterator[Row]:
        for row in results.rows:
            new = renamed(row)
            overwritten = {n for o, n in new.items() if o in row}
            yield {new.get(k, k): v for k, v in row.items() if k in new or k not in overwritten}

    columns = results.columns
    if columns is not None:
        new = renamed(columns)
        columns = list(dict.fromkeys(new.get(c, c) for c in columns))
    return results.then(rows(), columns)


def head(results: Results, arguments: str, _: Knowledge) -> Results:
    """The first rows."""
    given, rest = options(arguments, {"limit", "null", "keeplast"})
    amount = number(given.get("limit") or (rest[0].text if rest else "10"))
    if not isinstance(amount, int):
        raise SearchRefused("Error in 'head' command: The limit must be a whole number.")

    def rows() -> Iterator[Row]:
        left = amount
        if left <= 0:
            return
        for row in results.rows:
            yield row
            left -= 1
            if left <= 0:
                return

    return results.then(rows())


def tail(results: Results, arguments: str, _: Knowledge) -> Results:
    """The last rows, last first."""
    amount = int(arguments or 10)
    return results.then(list(results.rows)[-amount:][::-1])


def reverse(results: Results, _arguments: str, _: Knowledge) -> Results:
    """Last first."""
    return results.then(list(results.rows)[::-1])


_SORT_WORD = re.compile(
    r'([+-]?)\s*(?:(auto|num|str|ip)\(\s*("?)([^")]+)\3\s*\)|"([^"]+)"|([^\s,"]+))'
)


def sort(results: Results, arguments: str, _: Knowledge) -> Results:
    """``sort [N] [+|-]field, …``; without a number 10,000 rows, with 0 all."""
    rest, limit = arguments.strip(), 10000
    leading = re.match(r"(?:limit=)?(\d+)(?:\s+|\Z)", rest)
    if leading:
        limit, rest = int(leading[1]), rest[leading.end() :]
    keys: list[tuple[str, bool, str]] = []
    descending = False
    for match in _SORT_WORD.finditer(rest):
        sign, kind, name = match[1], match[2] or "auto", match[4] or match[5] or match[6]
        if name in ("-", "+"):
            descending = name == "-"
            continue
        if sign:
            descending = sign == "-"
        if name in ("d", "desc") and keys:
            keys = [(n, True, k) for n, _, k in keys]
            continue
        keys.append((name, descending, kind))
    rows = list(results.rows)
    for name, down, kind in reversed(keys):
        with_value = [row for row in rows if name in row]
        without = [row for row in rows if name not in row]

        def rank(row: Row, name: str = name, kind: str = kind) -> object:
            first = many(row[name])[0] if isinstance(row[name], list) else row[name]
            return (2, 0, str(first)) if kind == "str" else order(first)

        rows = sorted(with_value, key=rank, reverse=down) + without  # type: ignore[arg-type]
    return results.then(rows[:limit] if limit else rows)


def dedup(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """The first rows of each combination of values; rows without a field are left out."""
    by = re.split(r"\bsortby\b", arguments)
    if len(by) > 1:
        results = sort(results, "0 " + by[1], knowledge)
    given, names = options(by[0], {"keepempty", "keepevents", "consecutive"})
    amount = 1
    if names and not names[0].quoted and names[0].text.isdigit():
        amount, names = int(names[0].text), names[1:]
    if not names:
        raise SearchRefused("Error in 'dedup' command: Missing field names.")
    keepempty = given.get("keepempty", "false").lower() in ("true", "t", "1")

    def rows() -> Iterator[Row]:
        seen: dict[tuple[tuple[str, ...], ...], int] = {}
        for row in results.rows:
            if any(name.text not in row for name in names):
                if keepempty:
                    yield row
                continue
            key = tuple(tuple(many(row[name.text])) for name in names)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= amount:
                yield row

    return results.then(rows())


def fillnull(results: Results, arguments: str, _: Knowledge) -> Results:
    """A value where a field is missing; without names: of all fields."""
    given, names = options(arguments, {"value"})
    value: Value = given.get("value", "0")
    wanted = [name.text for name in names]
    kept: Iterable[Row] = results.rows
    if not wanted:
        kept = list(results.rows)
        wanted = results.columns or list(dict.fromkeys(k for row in kept for k in row))
    columns = results.columns
    if columns is not None:
        columns = columns + [name for name in wanted if name not in columns]
    return results.then(
        ({**row, **{n: value for n in wanted if n not in row}} for row in kept), columns
    )


def lookup(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """Rows with fields of a lookup."""
    call = lookup_call(arguments)
    apply = call.bound(knowledge)

    def rows() -> Iterator[Row]:
        for row in results.rows:
            apply(row)
            yield row

    columns = results.columns
    if columns is not None:
        columns = columns + [name for _, name in call.outputs if name not in columns]
    return results.then(rows(), columns)


def mvexpand(results: Results, arguments: str, _: Knowledge) -> Results:
    """One row for each value of a field."""
    name = _named(arguments)[0]

    def rows() -> Iterator[Row]:
        for row in results.rows:
            values = many(row.get(name))
            for value in values:
                yield {**row, name: value}
            if not values:
                yield row

    return results.then(rows())


def rex(results: Results, arguments: str, _: Knowledge) -> Results:
    """Named groups of a regular expression as fields."""
    match = re.match(
        r'\s*(?:field=("?)([\w.{}]+)\1\s+)?"((?:[^"\\]|\\.)*)"\s*\Z', arguments, re.DOTALL
    )
    if match is None:
        raise SearchRefused("Error in 'rex' command: The simulator knows rex [field=f] \"regex\".")
    name, pattern = match[2] or "_raw", regex(match[3].replace('\\"', '"'))

    def rows() -> Iterator[Row]:
        for row in results.rows:
            for value in many(row.get(name)):
                found = pattern.search(value)
                if found:
                    row.update({k: v for k, v in found.groupdict().items() if v is not None})
                    break
            yield row

    return results.then(rows())


def nothing(results: Results, _arguments: str, _: Knowledge) -> Results:
    """A command that changes nothing here."""
    return results


COMMANDS: dict[str, Command] = {
    "search": search,
    "where": where,
    "eval": evaluated,
    "fields": fields,
    "table": table,
    "rename": rename,
    "head": head,
    "tail": tail,
    "reverse": reverse,
    "sort": sort,
    "dedup": dedup,
    "fillnull": fillnull,
    "lookup": lookup,
    "mvexpand": mvexpand,
    "rex": rex,
    "noop": nothing,
}
