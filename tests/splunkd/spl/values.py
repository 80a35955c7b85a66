"""Values of fields: text, numbers, and several texts (multivalue). A missing field has none."""

import math
import re
from collections.abc import Iterable

Scalar = str | int | float
Value = Scalar | list[str]
Row = dict[str, Value]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)


class SearchRefused(Exception):
    """The search is not accepted: 400 with a message of kind FATAL."""


class SearchFailed(Exception):
    """The search is accepted and then fails: an export answers 200 with an empty body."""


class CommandFailed(SearchFailed):
    """A custom command failed while it ran: an export carries a message of it."""


def number(value: object) -> int | float | None:
    """The number that a value is, or that its text says."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.match(value.strip()):
        text = value.strip()
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, list) and len(value) == 1:
        return number(value[0])
    return None


def text(value: Scalar) -> str:
    """A value as results show it. Whole numbers have no point."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return str(value)
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return repr(value)
    return str(value)


def many(value: Value | None) -> list[str]:
    """All texts of a field."""
    if value is None:
        return []
    return value if isinstance(value, list) else [text(value)]


def one_or_many(values: Iterable[str]) -> Value | None:
    """A field of these texts: none, one, or several."""
    kept = list(values)
    return None if not kept else kept[0] if len(kept) == 1 else kept


def order(value: object) -> tuple[int, int | float, str]:
    """What to sort by: numbers first and as such, then text."""
    as_number = number(value)
    if as_number is not None:
        return 0, as_number, ""
    return 1, 0, text(value) if isinstance(value, str | int | float) else str(value)


def wildcard(pattern: str, *, ignore_case: bool = True) -> re.Pattern[str]:
    """A pattern with ``*`` as an expression for the whole text."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.compile(".*".join(parts) + r"\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
