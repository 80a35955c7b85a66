"""The ``search`` command at the beginning of a search: from the store to rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.splunkd.spl import predicate
from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.predicate import All, Node, Not, Some, Term
from tests.splunkd.spl.times import Bounds, instant
from tests.splunkd.spl.values import Row, SearchRefused, wildcard

_COLUMNS = {"index": "idx", "host": "host", "source": "source", "sourcetype": "sourcetype"}


@dataclass
class _Condition:
    parts: list[str] = field(default_factory=list)
    given: list[object] = field(default_factory=list)

    def add(self, part: str, *given: object) -> None:
        self.parts.append(part)
        self.given += given


def events(source: str, knowledge: Knowledge) -> Iterator[Row]:
    """The events that a search selects, newest first."""
    tree = _resolved(predicate.parse(source), knowledge)
    holds = predicate.compiled(tree, knowledge)
    condition, bounds = _Condition(), knowledge.bounds
    own = _bounds(tree, knowledge.now)
    _between(condition, "time", own.earliest, own.latest, bounds.earliest, bounds.latest)
    _between(
        condition, "indextime", own.index_earliest, own.index_latest,
        bounds.index_earliest, bounds.index_latest,
    )  # fmt: skip
    indexes = _indexes(tree, knowledge)
    condition.add(f"idx IN ({', '.join('?' * len(indexes))})", *indexes)
    for part in tree.parts if isinstance(tree, All) else (tree,):
        _pushed(condition, part)
    for event in knowledge.instance.store.select(" AND ".join(condition.parts), condition.given):
        row = knowledge.row(event)
        if holds(row):
            yield row


def _between(
    condition: _Condition,
    column: str,
    earliest: float | None,
    latest: float | None,
    outer_earliest: float | None,
    outer_latest: float | None,
) -> None:
    """Bounds within the search win over those of the request."""
    first = outer_earliest if earliest is None else earliest
    last = outer_latest if latest is None else latest
    if first is not None:
        condition.add(f"{column} >= ?", first)
    if last is not None:
        condition.add(f"{column} < ?", last)


def _bounds(tree: Node, now: float) -> Bounds:
    found: dict[str, float | None] = {}
    for term in predicate.terms(tree):
        if term.name in predicate.TIME_FIELDS:
            found[term.name.replace("_index", "index")] = instant(term.value, now)
    return Bounds(**found)


def _resolved(tree: Node, knowledge: Knowledge) -> Node:
    """The tree with event types in place, so that their indexes count."""
    if isinstance(tree, Not):
        return Not(_resolved(tree.part, knowledge))
    if isinstance(tree, All):
        return All(tuple(_resolved(part, knowledge) for part in tree.parts))
    if isinstance(tree, Some):
        return Some(tuple(_resolved(part, knowledge) for part in tree.parts))
    if tree.name == "eventtype" and tree.operator == "=":
        inner = knowledge.eventtype(tree.value)
        if inner is None:
            raise SearchRefused(f"Eventtype '{tree.value}' does not exist or is disabled.")
        return _resolved(inner, knowledge)
    return tree


def _indexes(tree: Node, knowledge: Knowledge) -> list[str]:
    """Indexes that the search names anywhere, or else the user's default."""
    known = [i.name for i in knowledge.instance.indexes.values() if not i.disabled]
    named: set[str] = set()
    for term in predicate.terms(tree):
        if term.name != "index":
            continue
        if term.operator == "!=":
            return [name for name in known if not name.startswith("_")]
        pattern = wildcard(term.value)
        hidden = term.value.startswith("_")
        named |= {n for n in known if pattern.match(n) and (hidden or not n.startswith("_"))}
        named |= set() if named else {""}
    return sorted(named - {""}) if named else ["main"]


def _pushed(condition: _Condition, part: Node) -> None:
    """Let the store look at what it has columns for."""
    terms = list(part.parts) if isinstance(part, Some) else [part]
    alike = [t for t in terms if isinstance(t, Term) and t.operator == "=" and "*" not in t.value]
    if len(alike) != len(terms) or len({t.name for t in alike}) != 1:
        return
    column = _COLUMNS.get(alike[0].name)
    if column and column != "idx":
        marks = ", ".join("?" * len(alike))
        condition.add(f"{column} COLLATE NOCASE IN ({marks})", *(t.value for t in alike))
