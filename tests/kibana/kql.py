"""The Kibana Query Language: from text to a tree.

Known: ``field: value``, quoted phrases, lists of values in parentheses, ``and`` ``or`` ``not``,
comparisons, wildcards, values without a field. Nested fields (``field: { ... }``) are refused.
"""

import re
from dataclasses import dataclass
from typing import NoReturn


class KqlError(ValueError):
    """A query that cannot be read, in the form of Kibana's message."""


@dataclass(frozen=True)
class Value:
    """A value as it was written: quoted, or with wildcards (``*`` that no backslash is before)."""

    text: str
    quoted: bool = False
    pattern: tuple[str, ...] = ()
    """The pieces between wildcards; empty without one."""


@dataclass(frozen=True)
class Match:
    """A field has a value; without a field any may have it."""

    field: Value | None
    value: Value


@dataclass(frozen=True)
class Compare:
    """A field is ``gt``, ``gte``, ``lt`` or ``lte`` a value."""

    field: Value
    operator: str
    value: Value


@dataclass(frozen=True)
class Not:
    """The opposite."""

    term: "Node"


@dataclass(frozen=True)
class And:
    """All of them."""

    terms: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    terms: tuple["Node", ...]


Node = Match | Compare | Not | And | Or
_OPERATORS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:\\.|[^"\\])*")
      | (?P<operator>>=|<=|>|<|:)
      | (?P<mark>[(){}])
      | (?P<word>(?:\\.|[^\\\s():<>"{}])+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPECIAL = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parsed(query: str) -> Node | None:
    """The tree of a query; None of an empty one, which everything matches.

    Raises:
        KqlError: It cannot be read.
    """
    tokens = _tokens(query)
    if not tokens:
        return None
    reader = _Reader(query, tokens)
    node = reader.alternatives()
    reader.end()
    return node


def _tokens(query: str) -> list[_Token]:
    tokens: list[_Token] = []
    at, end = 0, len(query.rstrip())
    while at < end:
        found = _TOKEN.match(query, at)
        if found is None:
            raise KqlError(
                f"KQLSyntaxError: unexpected {query[at:].strip()[:1]!r} at {at}: {query}"
            )
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind], found.start(kind)))
        at = found.end()
    return tokens


class _Reader:
    def __init__(self, query: str, tokens: list[_Token]) -> None:
        self._query, self._tokens, self._at = query, tokens, 0

    def alternatives(self) -> Node:
        terms = [self._all()]
        while self._keyword("or"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _all(self) -> Node:
        terms = [self._negated()]
        while self._keyword("and"):
            terms.append(self._negated())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _negated(self) -> Node:
        if self._keyword("not"):
            return Not(self._negated())
        if self._mark("("):
            inner = self.alternatives()
            self._need(")")
            return inner
        return self._expression()

    def _expression(self) -> Node:
        first = self._value()
        token = self._peek()
        if token is None or token.kind != "operator":
            return Match(None, first)
        self._at += 1
        if token.text != ":":
            return Compare(first, _OPERATORS[token.text], self._value())
        if self._mark("{"):
            raise KqlError("KQLSyntaxError: nested fields are not simulated")
        if self._mark("("):
            inner = self._values(first)
            self._need(")")
            return inner
        return Match(first, self._value())

    def _values(self, field: Value) -> Node:
        """A list of values: ``(a or b)``, ``(not a and not b)``."""

        def one() -> Node:
            if self._keyword("not"):
                return Not(one())
            if self._mark("("):
                inner = self._values(field)
                self._need(")")
                return inner
            return Match(field, self._value())

        def every() -> Node:
            terms = [one()]
            while self._keyword("and"):
                terms.append(one())
            return terms[0] if len(terms) == 1 else And(tuple(terms))

        terms = [every()]
        while self._keyword("or"):
            terms.append(every())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _value(self) -> Value:
        token = self._peek()
        if token is None or token.kind not in ("quoted", "word") or _is_keyword(token):
            self._fail(token)
        self._at += 1
        if token.kind == "quoted":
            return Value(_unescaped(token.text[1:-1]), quoted=True)
        words = [token.text]
        following = self._peek()
        while following is not None and following.kind == "word" and not _is_keyword(following):
            words.append(following.text)
            self._at += 1
            following = self._peek()
        return _literal(" ".join(words))

    def end(self) -> None:
        if self._at < len(self._tokens):
            self._fail(self._peek())

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _keyword(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "word" or token.text.lower() != word:
            return False
        self._at += 1
        return True

    def _mark(self, mark: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "mark" or token.text != mark:
            return False
        self._at += 1
        return True

    def _need(self, mark: str) -> None:
        if not self._mark(mark):
            self._fail(self._peek())

    def _fail(self, token: _Token | None) -> NoReturn:
        if token is None:
            raise KqlError(f"KQLSyntaxError: unexpected end of input: {self._query}")
        raise KqlError(f"KQLSyntaxError: unexpected {token.text!r} at {token.at}: {self._query}")


def _is_keyword(token: _Token) -> bool:
    return token.kind == "word" and token.text.lower() in ("and", "or", "not")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _SPECIAL.get(found[1], found[1]), text, flags=re.DOTALL)


def _literal(text: str) -> Value:
    pieces: list[str] = [""]
    for piece in re.findall(r"\\.|[^\\]", text, re.DOTALL):
        if piece == "*":
            pieces.append("")
        else:
            pieces[-1] += piece
    plain = [_unescaped(piece) for piece in pieces]
    if len(plain) == 1:
        return Value(plain[0])
    return Value("*".join(plain), pattern=tuple(plain))
