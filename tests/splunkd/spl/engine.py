"""Run a search: from its text to rows."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.splunkd.spl import charts, external, row_commands, stats
from tests.splunkd.spl.base_search import events
from tests.splunkd.spl.external import Program
from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.lookups import Table
from tests.splunkd.spl.predicate import compiled, parse
from tests.splunkd.spl.row_commands import Command, Results
from tests.splunkd.spl.times import Bounds, shown
from tests.splunkd.spl.tokens import commands, options
from tests.splunkd.spl.values import (
    Row,
    SearchFailed,
    SearchRefused,
    Value,
    many,
    number,
    one_or_many,
    text,
)

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance

Shown = dict[str, str | list[str]]

GENERATING = {"search", "inputlookup", "makeresults"}
COMMANDS: dict[str, Command] = {
    **row_commands.COMMANDS,
    "stats": stats.stats,
    "eventstats": stats.eventstats,
    "top": stats.top,
    "rare": stats.rare,
    "bin": charts.binned,
    "bucket": charts.binned,
    "timechart": charts.timechart,
    "chart": charts.chart,
}


@dataclass
class Search:
    """A search that is running: rows come as they are asked for."""

    text: str
    rows: Iterator[Row]
    columns: list[str] | None
    transformed: bool
    messages: list[tuple[str, str]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def shown(self) -> Iterator[Shown]:
        """Rows as results show them."""
        columns = self.columns
        for row in self.rows:
            names = row if columns is None else [c for c in columns if c in row]
            if columns is not None and not self.transformed:
                names = [*names, *(k for k in row if k[0] == "_" and k not in names)]
            yield {name: _shown(name, row[name]) for name in names}


def _shown(name: str, value: Value) -> str | list[str]:
    if isinstance(value, list):
        return value
    seconds = number(value) if name == "_time" else None
    if seconds is not None:
        return shown(seconds)
    return text(value)


def start(
    instance: "Instance",
    search: str,
    *,
    owner: str = "admin",
    app: str = "search",
    bounds: Bounds | None = None,
    now: float | None = None,
) -> Search:
    """Check a search and begin it.

    Raises:
        SearchRefused: It has an unknown command or cannot be parsed.
        SearchFailed: An expression or a lookup of it is wrong.
    """
    when = instance.clock.now() if now is None else now
    knowledge = Knowledge(instance, owner, app, when, bounds)
    pipeline = commands(knowledge.expanded(search))
    for position, (name, arguments) in enumerate(pipeline):
        if "[" in arguments and re.search(r"\[\s*(search|\|)", arguments):
            raise SearchRefused("Subsearches are not simulated.")
        if not known(knowledge, name):
            raise SearchRefused(f"Unknown search command '{name}'.")
        if position == 0 and name not in GENERATING and custom(knowledge, name) is None:
            raise SearchRefused(f"Error in '{name}' command: This command must not be the first.")
    results = _first(*pipeline[0], knowledge)
    for name, arguments in pipeline[1:]:
        results = _next(name, results, arguments, knowledge)
    return Search(
        search, iter(results.rows), results.columns, results.transformed, results.messages
    )


def filtered(
    instance: "Instance", rows: list[Shown], condition: str, *, owner: str, app: str
) -> int:
    """How many rows are left when more commands go over the results of a search."""
    knowledge = Knowledge(instance, owner, app, instance.clock.now())
    results = Results([dict(row) for row in rows], transformed=True)
    for name, arguments in commands(knowledge.expanded(condition)):
        results = _next(name, results, arguments, knowledge)
    return sum(1 for _ in results.rows)


def known(knowledge: Knowledge, name: str) -> bool:
    """Whether a command can be run."""
    return name in COMMANDS or name in GENERATING or custom(knowledge, name) is not None


def custom(knowledge: Knowledge, name: str) -> Program | None:
    """The command of that name of an installed app."""
    stanza = knowledge.instance.confs.get("commands", name, knowledge.owner, knowledge.app)
    app = knowledge.instance.app(stanza.app) if stanza else None
    if stanza is None or app is None or app.folder is None or "filename" not in stanza.values:
        return None
    if stanza.values.get("chunked", "false").lower() not in ("true", "1"):
        raise SearchRefused(f"The simulator runs '{name}' only with chunked = true.")
    return Program(name, app.folder, stanza.values["filename"])


def _first(name: str, arguments: str, knowledge: Knowledge) -> Results:
    if name == "search":
        return Results(events(arguments, knowledge))
    if name == "inputlookup":
        return _inputlookup(Results([], transformed=True), arguments, knowledge)
    if name == "makeresults":
        given, _ = options(arguments, {"count", "annotate"})
        rows: list[Row] = [{"_time": knowledge.now} for _ in range(int(given.get("count", "1")))]
        return Results(rows)
    program = custom(knowledge, name)
    if program is None:
        raise SearchRefused(f"Unknown search command '{name}'.")
    return external.run(program, Results([]), arguments, knowledge, first=True)


def _next(name: str, results: Results, arguments: str, knowledge: Knowledge) -> Results:
    if name == "inputlookup":
        return _inputlookup(results, arguments, knowledge)
    if name in COMMANDS:
        return COMMANDS[name](results, arguments, knowledge)
    program = custom(knowledge, name)
    if program is None:
        raise SearchRefused(f"Unknown search command '{name}'.")
    return external.run(program, results, arguments, knowledge, first=False)


def _inputlookup(results: Results, arguments: str, knowledge: Knowledge) -> Results:
    """The rows of a lookup: ``inputlookup [append=t] name [where …]``."""
    source, _, condition = re.sub(r"\s+where\s+", "\x00", arguments, count=1, flags=re.I).partition(
        "\x00"
    )
    _, names = options(source, {"append", "start", "max", "strict"})
    if len(names) != 1:
        raise SearchRefused("Error in 'inputlookup' command: A lookup's name is needed.")
    table = Table.named(names[0].text, knowledge)
    holds = compiled(parse(condition), knowledge) if condition.strip() else lambda _: True
    rows: list[Row] = list(results.rows)
    for document in table.load():
        wanted = table.fields or list(document)
        made: Row = {}
        for field_name in wanted:
            value = one_or_many(v for v in _texts(document.get(field_name)) if v != "")
            if value is not None:
                made[field_name] = value
        if holds(made):
            rows.append(made)
    visible = [name for name in table.fields if name != "_key"]
    return Results(
        rows, (results.columns or []) + visible + ["_key"] * ("_key" in table.fields), True
    )


def _texts(value: object) -> list[str]:
    from tests.splunkd.spl.lookups import _values

    return _values(value)


__all__ = ["Bounds", "Search", "SearchFailed", "SearchRefused", "many", "start"]
