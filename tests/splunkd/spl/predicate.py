"""The boolean language of the ``search`` command.

NOT binds first, then OR, then AND, as in Splunk's ``search`` (``where`` has AND before OR).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.splunkd.spl.tokens import unescaped
from tests.splunkd.spl.values import Row, SearchRefused, many, number, wildcard

Predicate = Callable[[Row], bool]
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<paren>[()])
    |(?P<comma>,)
    |(?P<pair>(?P<name>[\w.:{}*@/-]+|"(?:[^"\\]|\\.)*")\s*(?P<op>!=|<=|>=|=|<|>)\s*
        (?P<value>"(?:[^"\\]|\\.)*"|[^\s()",]*))
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<word>[^\s()",]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
TIME_FIELDS = {"earliest", "latest", "_index_earliest", "_index_latest"}
INDEXED = {"index", "host", "source", "sourcetype"}


@dataclass(frozen=True)
class Term:
    """``name op value``; without a name it is looked for in the event's text."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Some:
    """Some part holds."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: "Node"


Node = Term | All | Some | Not


class Knowledge(Protocol):
    """What names of event types and tags stand for."""

    def eventtype(self, name: str) -> "Node | None":
        """The search of an event type."""

    def has_tag(self, row: Row, tag: str) -> bool:
        """Whether a row has a tag."""


class _Parser:
    def __init__(self, source: str) -> None:
        self._all: list[re.Match[str]] = []
        position = 0
        source = source.rstrip()
        while position < len(source):
            match = _TOKEN.match(source, position)
            if match is None or match.end() == position:
                raise SearchRefused(
                    "Error in 'search' command: Unable to parse the search: unbalanced quotes."
                )
            self._all.append(match)
            position = match.end()
        self._at = 0

    def _peek(self, group: str) -> str:
        return (self._all[self._at][group] or "") if self._at < len(self._all) else ""

    def whole(self) -> Node:
        if not self._all:
            return All(())
        node = self.both()
        if self._at < len(self._all):
            raise _unparsed(self._all[self._at][0].strip())
        return node

    def both(self) -> Node:
        parts = [self.either()]
        while self._at < len(self._all) and self._peek("paren") != ")":
            if self._peek("word") == "AND":
                self._at += 1
            parts.append(self.either())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def either(self) -> Node:
        parts = [self.single()]
        while self._peek("word") == "OR":
            self._at += 1
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def single(self) -> Node:
        if self._at >= len(self._all):
            raise _unparsed("the end")
        match = self._all[self._at]
        self._at += 1
        if match["paren"] == "(":
            inner = self.both()
            if self._peek("paren") != ")":
                raise SearchRefused(
                    "Error in 'search' command: Unable to parse the search: unbalanced parentheses."
                )
            self._at += 1
            return inner
        if match["word"] == "NOT":
            return Not(self.single())
        if match["pair"]:
            return Term(_bare(match["name"]), match["op"], _bare(match["value"]))
        if match["quoted"]:
            return Term("", "=", _bare(match["quoted"]))
        word = match["word"] or ""
        if word in ("AND", "OR") or not word:
            raise _unparsed(match[0].strip())
        if self._peek("word").upper() == "IN":
            return self._listed(word)
        return Term("", "=", word)

    def _listed(self, name: str) -> Node:
        self._at += 1
        if self._peek("paren") != "(":
            raise _unparsed("IN")
        self._at += 1
        terms: list[Node] = []
        while self._at < len(self._all) and self._peek("paren") != ")":
            value = self._peek("quoted") or self._peek("word")
            if value:
                terms.append(Term(name, "=", _bare(value)))
            elif not self._peek("comma"):
                raise _unparsed(self._all[self._at][0].strip())
            self._at += 1
        self._at += 1
        return Some(tuple(terms))


def _unparsed(near: str) -> SearchRefused:
    return SearchRefused(f"Error in 'search' command: Unable to parse the search near '{near}'.")


def _bare(given: str) -> str:
    return unescaped(given[1:-1]) if given.startswith('"') else given


def parse(source: str) -> Node:
    """The tree of a search's conditions."""
    return _Parser(source).whole()


def terms(node: Node) -> list[Term]:
    """Every term of a tree."""
    if isinstance(node, Term):
        return [node]
    if isinstance(node, Not):
        return terms(node.part)
    return [term for part in node.parts for term in terms(part)]


def compiled(node: Node, knowledge: Knowledge) -> Predicate:
    """A function that says whether a row fits; time bounds are the store's business."""
    if isinstance(node, Not):
        inner = compiled(node.part, knowledge)
        return lambda row: not inner(row)
    if isinstance(node, All | Some):
        parts = [compiled(part, knowledge) for part in node.parts]
        if isinstance(node, All):
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)
    if node.name in TIME_FIELDS:
        return lambda _: True
    if node.name == "eventtype":
        return _of_eventtype(node, knowledge)
    if node.name == "tag" or node.name.startswith("tag::"):
        return lambda row: knowledge.has_tag(row, node.value) == (node.operator != "!=")
    return _in_text(node.value) if not node.name else _of_field(node)


def _of_eventtype(term: Term, knowledge: Knowledge) -> Predicate:
    tree = knowledge.eventtype(term.value)
    if tree is None:
        raise SearchRefused(f"Eventtype '{term.value}' does not exist or is disabled.")
    inner = compiled(tree, knowledge)
    return lambda row: inner(row) == (term.operator != "!=")


def _in_text(value: str) -> Predicate:
    if value == "*":
        return lambda _: True
    case = re.match(r"(TERM|CASE)\((.*)\)\Z", value)
    pattern = ".*".join(re.escape(part) for part in (case[2] if case else value).split("*"))
    before = r"(?<![A-Za-z0-9_])" if re.match(r"\w", value) else ""
    after = r"(?![A-Za-z0-9_])" if re.search(r"\w\Z", value) else ""
    found = re.compile(before + pattern + after, re.IGNORECASE | re.DOTALL)

    def somewhere(row: Row) -> bool:
        if "_raw" in row:
            return found.search(str(row["_raw"])) is not None
        return any(found.search(text) for value in row.values() for text in many(value))

    return somewhere


def _of_field(term: Term) -> Predicate:
    name, operator, value = term.name, term.operator, term.value
    if operator in ("=", "!="):
        same = _equal(value)
        if operator == "=":
            return lambda row: name in row and any(map(same, many(row[name])))
        return lambda row: name in row and any(not same(each) for each in many(row[name]))
    bound = number(value)

    def compared(each: str) -> bool:
        own = number(each)
        left: float | str = own if own is not None and bound is not None else each.lower()
        right: float | str = bound if own is not None and bound is not None else value.lower()
        if operator == "<":
            return left < right  # type: ignore[operator]
        if operator == ">":
            return left > right  # type: ignore[operator]
        return left <= right if operator == "<=" else left >= right  # type: ignore[operator]

    return lambda row: name in row and any(map(compared, many(row[name])))


def _equal(value: str) -> Callable[[str], bool]:
    if "*" in value:
        pattern = wildcard(value)
        return lambda each: pattern.match(each) is not None
    wanted, as_number = value.lower(), number(value)

    def same(each: str) -> bool:
        if each.lower() == wanted:
            return True
        return as_number is not None and number(each) == as_number

    return same
