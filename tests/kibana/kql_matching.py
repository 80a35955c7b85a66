"""Whether something that the simulator keeps in memory matches a query in KQL.

Kibana asks its saved objects in Elasticsearch; names and descriptions are text there (words, in
any case), all the rest is exact.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.kibana import kql
from tests.kibana.kql import And, Compare, Match, Node, Not, Or, Value

Lookup = Callable[[str], Iterable[Any]]
"""The values of a field of one object; none where it has none."""


def matches(text: str, values: Lookup, words: frozenset[str] = frozenset()) -> bool:
    """Whether an object matches.

    Args:
        text: The query.
        values: Gives the object's values of a field.
        words: Fields that are text.

    Raises:
        KqlError: It cannot be read.
    """
    node = kql.parsed(text)
    return node is None or _matches(node, values, words)


def _matches(node: Node, values: Lookup, words: frozenset[str]) -> bool:
    match node:
        case And(terms):
            return all(_matches(term, values, words) for term in terms)
        case Or(terms):
            return any(_matches(term, values, words) for term in terms)
        case Not(term):
            return not _matches(term, values, words)
        case Compare(field, operator, value):
            return any(_compares(one, operator, value.text) for one in values(field.text))
        case Match(field, value):
            if field is None:
                return True
            is_text = field.text in words
            return any(_equals(one, value, is_text) for one in values(field.text))


def _compares(one: object, operator: str, text: str) -> bool:
    if isinstance(one, int | float) and not isinstance(one, bool):
        left, right = float(one), float(text)
        order = (left > right) - (left < right)
    else:
        order = (str(one) > text) - (str(one) < text)
    return {"gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0}[operator]


def _equals(one: object, value: Value, is_text: bool) -> bool:
    shown = str(one).lower() if isinstance(one, bool) else str(one)
    if value.pattern:
        pattern = ".*".join(map(re.escape, value.pattern))
        if is_text:
            return any(re.fullmatch(pattern, word, re.IGNORECASE) for word in _words(shown)) or (
                value.pattern == ("", "")
            )
        return re.fullmatch(pattern, shown, re.DOTALL) is not None
    if not is_text:
        return shown == value.text
    has, wanted = _words(shown), _words(value.text)
    if not value.quoted:
        return any(word in has for word in wanted)
    length = len(wanted)
    return any(has[at : at + length] == wanted for at in range(len(has) - length + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
