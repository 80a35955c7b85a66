"""Expressions of ``eval`` and ``where``: parsed once, evaluated for each row."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.splunkd.spl import functions
from tests.splunkd.spl.functions import Result
from tests.splunkd.spl.values import Row, SearchFailed, Value, many, number, text

Expression = Callable[[Row], Result]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)
    |"(?P<string>(?:[^"\\]|\\.)*)"
    |'(?P<field>[^']*)'
    |(?P<name>[A-Za-z_][\w:{}]*(?:\{\})?)
    |(?P<op>==|!=|<=|>=|[-+*/%.=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = {"=", "==", "!=", "<", ">", "<=", ">="}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(source: str) -> list[_Token]:
    found, position = [], 0
    source = source.rstrip()
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise SearchFailed(
                f"The expression is malformed: {source[position : position + 30]!r}."
            )
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Parser:
    """A parser by descent: OR, XOR, AND, NOT, comparison, sum, product, value."""

    def __init__(self, source: str, context: functions.Context) -> None:
        self._all = _tokens(source)
        self._at = 0
        self._context = context

    def _peek(self) -> _Token:
        return self._all[self._at] if self._at < len(self._all) else _Token("end", "")

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _word(self, *words: str) -> str:
        token = self._peek()
        if token.kind == "name" and token.text.upper() in words:
            self._at += 1
            return token.text.upper()
        return ""

    def _operator(self, *operators: str) -> str:
        token = self._peek()
        if token.kind == "op" and token.text in operators:
            self._at += 1
            return token.text
        return ""

    def whole(self) -> Expression:
        parsed = self.either()
        if self._at < len(self._all):
            raise SearchFailed(f"The expression is malformed at {self._peek().text!r}.")
        return parsed

    def either(self) -> Expression:
        left = self.both()
        while word := self._word("OR", "XOR"):
            left = _either(left, self.both(), word == "XOR")
        return left

    def both(self) -> Expression:
        left = self.negated()
        while self._word("AND"):
            left = _both(left, self.negated())
        return left

    def negated(self) -> Expression:
        if self._word("NOT"):
            inner = self.negated()
            return lambda row: _not(inner(row))
        return self.compared()

    def compared(self) -> Expression:
        left = self.added()
        if operator := self._operator(*_COMPARISONS):
            right = self.added()
            return lambda row: functions.compared(operator, left(row), right(row))
        if self._word("LIKE"):
            pattern = self.added()
            return lambda row: functions.like(left(row), pattern(row))
        if self._word("IN"):
            options = self._arguments()
            return lambda row: functions.is_in(left(row), [option(row) for option in options])
        return left

    def added(self) -> Expression:
        left = self.multiplied()
        while operator := self._operator("+", "-", "."):
            left = _arithmetic(operator, left, self.multiplied())
        return left

    def multiplied(self) -> Expression:
        left = self.value()
        while operator := self._operator("*", "/", "%"):
            left = _arithmetic(operator, left, self.value())
        return left

    def value(self) -> Expression:
        token = self._next()
        if token.kind == "op" and token.text in "-+":
            inner = self.value()
            return inner if token.text == "+" else _arithmetic("-", lambda _: 0, inner)
        if token.kind == "op" and token.text == "(":
            inner = self.either()
            if not self._operator(")"):
                raise SearchFailed("The expression is malformed. Expected ).")
            return inner
        if token.kind == "number":
            constant = number(token.text.rstrip(".") or "0")
            return lambda _: constant
        if token.kind == "string":
            literal = re.sub(r'\\(["\\])', r"\1", token.text)
            return lambda _: literal
        if token.kind == "name" and self._peek().text == "(" and self._peek().kind == "op":
            return functions.call(token.text, self._arguments(), self._context)
        if token.kind in ("name", "field"):
            name = token.text
            return lambda row: row.get(name)
        raise SearchFailed(f"The expression is malformed at {token.text!r}.")

    def _arguments(self) -> list[Expression]:
        if not self._operator("("):
            raise SearchFailed("The expression is malformed. Expected (.")
        arguments: list[Expression] = []
        while not self._operator(")"):
            if arguments and not self._operator(","):
                raise SearchFailed("The expression is malformed. Expected ).")
            arguments.append(self.either())
        return arguments


def _not(value: Result) -> Result:
    return None if value is None else not functions.truth(value)


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: functions.truth(left(row)) and functions.truth(right(row))


def _either(left: Expression, right: Expression, exclusive: bool) -> Expression:
    if exclusive:
        return lambda row: functions.truth(left(row)) != functions.truth(right(row))
    return lambda row: functions.truth(left(row)) or functions.truth(right(row))


def _arithmetic(operator: str, left: Expression, right: Expression) -> Expression:
    def evaluated(row: Row) -> Result:
        a, b = left(row), right(row)
        if a is None or b is None:
            return None
        if isinstance(a, bool) or isinstance(b, bool):
            raise SearchFailed(f"Type checking failed. The '{operator}' operator got a boolean.")
        if operator == ".":
            return _joined(a) + _joined(b)
        x, y = number(a), number(b)
        if x is None or y is None:
            both_text = operator == "+" and x is None and y is None
            return _joined(a) + _joined(b) if both_text else None
        return functions.calculated(operator, x, y)

    return evaluated


def _joined(value: Value) -> str:
    return " ".join(many(value)) if isinstance(value, list) else text(value)


def parse(source: str, context: functions.Context) -> Expression:
    """An expression's function of a row."""
    if not source.strip():
        raise SearchFailed("The expression is malformed: it is empty.")
    return _Parser(source, context).whole()


def assignments(source: str, context: functions.Context) -> list[tuple[str, Expression]]:
    """The fields and expressions of ``a = 1, b = a + 1``."""
    from tests.splunkd.spl.tokens import cut

    found = []
    for piece in cut(source, ","):
        match = re.match(
            r"""\s*(?:'([^']+)'|"([^"]+)"|([\w.:{}-]+))\s*=(?!=)(.*)\Z""", piece, re.DOTALL
        )
        if match is None:
            raise SearchFailed(f"The expression is malformed: {piece.strip()!r}.")
        found.append((match[1] or match[2] or match[3], parse(match[4], context)))
    return found


def assign(row: Row, name: str, value: Result) -> None:
    """Set a field to what an expression gave; nothing removes it."""
    if isinstance(value, bool):
        raise SearchFailed("The result of an 'eval' expression cannot be a boolean; use if().")
    if value is None or value == []:
        row.pop(name, None)
    else:
        row[name] = value
