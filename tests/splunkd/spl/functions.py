"""Functions of ``eval``. What is not listed here fails, as a wrong function does in Splunk."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.splunkd.spl.values import Row, Scalar, SearchFailed, Value, many, number, text

Result = Value | bool | None
Expression = Callable[[Row], Result]


@dataclass(frozen=True)
class Context:
    """What an expression may know beside its row."""

    now: float


def truth(value: Result) -> bool:
    """Whether a condition holds; nothing does not."""
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    as_number = number(value)
    return bool(as_number) if as_number is not None else str(value).lower() == "true"


def scalar(value: Result) -> Scalar | None:
    """A single value; of several the first."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _pair(operator: str, a: Scalar, b: Scalar) -> bool:
    x, y = number(a), number(b)
    if x is not None and y is not None:
        left: float | str = x
        right: float | str = y
    else:
        left, right = text(a), text(b)
    match operator:
        case "=" | "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right  # type: ignore[operator]
        case ">":
            return left > right  # type: ignore[operator]
        case "<=":
            return left <= right  # type: ignore[operator]
        case _:
            return left >= right  # type: ignore[operator]


def compared(operator: str, a: Result, b: Result) -> Result:
    """A comparison; with a missing side nothing. Of several values any may fit."""
    if a is None or b is None:
        return None
    lefts: Sequence[Scalar] = a if isinstance(a, list) else [scalar(a) or ""] if a != 0 else [0]
    rights: Sequence[Scalar] = b if isinstance(b, list) else [scalar(b) or ""] if b != 0 else [0]
    return any(_pair(operator, x, y) for x in lefts for y in rights)


def like(value: Result, pattern: Result) -> Result:
    """SQL's LIKE, with ``%`` and ``_``."""
    from tests.splunkd.spl.text_functions import like_pattern

    a, b = scalar(value), scalar(pattern)
    if a is None or b is None:
        return None
    return like_pattern(text(b)).match(text(a)) is not None


def is_in(value: Result, options: list[Result]) -> Result:
    """Whether a value is one of the others."""
    if value is None:
        return None
    return any(truth(compared("=", value, option)) for option in options)


def calculated(operator: str, x: float, y: float) -> Result:
    """Arithmetic; dividing by zero gives nothing."""
    try:
        match operator:
            case "+":
                return x + y
            case "-":
                return x - y
            case "*":
                return x * y
            case "/":
                return x / y
            case _:
                return math.fmod(x, y) if isinstance(x, float) or isinstance(y, float) else x % y
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


def _if(arguments: list[Expression]) -> Expression:
    condition, yes, no = arguments
    return lambda row: yes(row) if truth(condition(row)) else no(row)


def _case(arguments: list[Expression]) -> Expression:
    if len(arguments) % 2:
        raise SearchFailed("The arguments to the 'case' function are invalid.")
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))

    def chosen(row: Row) -> Result:
        return next((value(row) for condition, value in pairs if truth(condition(row))), None)

    return chosen


def _coalesce(arguments: list[Expression]) -> Expression:
    def first(row: Row) -> Result:
        values = (argument(row) for argument in arguments)
        return next((value for value in values if value is not None), None)

    return first


def _validate(arguments: list[Expression]) -> Expression:
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))

    def first_wrong(row: Row) -> Result:
        return next((value(row) for condition, value in pairs if not truth(condition(row))), None)

    return first_wrong


def _type(value: Result) -> str:
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, list):
        return "Multivalue"
    return "String" if isinstance(value, str) else "Number"


_LAZY: dict[str, tuple[int, int, Callable[[list[Expression]], Expression]]] = {
    "if": (3, 3, _if),
    "case": (2, 99, _case),
    "coalesce": (1, 99, _coalesce),
    "validate": (2, 99, _validate),
}
_PREDICATES: dict[str, Callable[[Result], Result]] = {
    "isnull": lambda v: v is None,
    "isnotnull": lambda v: v is not None,
    "isnum": lambda v: number(v) is not None,
    "isint": lambda v: isinstance(number(v), int),
    "isstr": lambda v: v is not None and number(v) is None,
    "isbool": lambda v: isinstance(v, bool),
    "typeof": _type,
}


def call(name: str, arguments: list[Expression], context: Context) -> Expression:
    """The expression that calls a function."""
    from tests.splunkd.spl.multivalue_functions import LAZY_MULTIVALUE, MULTIVALUE
    from tests.splunkd.spl.number_functions import NUMBERS, clock_functions
    from tests.splunkd.spl.text_functions import TEXTS

    known = name.lower()
    lazy = (_LAZY | LAZY_MULTIVALUE).get(known)
    if lazy is not None:
        least, most, build = lazy
        _check(known, arguments, least, most)
        return build(arguments)
    if known in _PREDICATES:
        _check(known, arguments, 1, 1)
        predicate, argument = _PREDICATES[known], arguments[0]
        return lambda row: predicate(argument(row))
    found = (TEXTS | NUMBERS | MULTIVALUE | clock_functions(context)).get(known)
    if found is None:
        raise SearchFailed(f"The '{name}' function is unsupported or undefined.")
    least, most, function = found
    _check(known, arguments, least, most)
    return lambda row: function([argument(row) for argument in arguments])


def names() -> set[str]:
    """Every function that there is."""
    from tests.splunkd.spl.multivalue_functions import LAZY_MULTIVALUE, MULTIVALUE
    from tests.splunkd.spl.number_functions import NUMBERS, clock_functions
    from tests.splunkd.spl.text_functions import TEXTS

    tables = (_LAZY, LAZY_MULTIVALUE, _PREDICATES, TEXTS, NUMBERS, MULTIVALUE)
    return {name for table in tables for name in table} | set(clock_functions(Context(0)))


def _check(name: str, arguments: list[Expression], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        raise SearchFailed(f"The arguments to the '{name}' function are invalid.")


Function = Callable[[list[Result]], Result]
Table = dict[str, tuple[int, int, Function]]


def on_text(function: Callable[[str], Result]) -> Function:
    """A function of one text; of several values each."""

    def called(values: list[Result]) -> Result:
        value = values[0]
        if value is None:
            return None
        if isinstance(value, list):
            return [str(function(each)) for each in value]
        single = scalar(value)
        return None if single is None else function(text(single))

    return called


def texts(values: list[Result]) -> list[str] | None:
    """All arguments as text; None if one is missing."""
    made = [scalar(value) for value in values]
    return None if any(v is None for v in made) else [text(v) for v in made if v is not None]


def multi(value: Result) -> list[str]:
    """All values of an argument."""
    return ["True" if value else "False"] if isinstance(value, bool) else many(value)
