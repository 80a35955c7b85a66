"""Functions of ``eval`` on numbers and times."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from tests.splunkd.spl.functions import Context, Function, Result, Table, compared, scalar, truth
from tests.splunkd.spl.times import relative
from tests.splunkd.spl.values import SearchFailed, SearchRefused, number, order, text


def _on_number(function: Callable[[float], float]) -> Function:
    def called(values: list[Result]) -> Result:
        value = number(values[0])
        if value is None:
            return None
        try:
            return function(value)
        except (ValueError, OverflowError):
            return None

    return called


def _tonumber(values: list[Result]) -> Result:
    single = scalar(values[0])
    base = int(number(values[1]) or 10) if len(values) > 1 else 10
    if single is None:
        return None
    if base != 10:
        try:
            return int(text(single), base)
        except ValueError:
            return None
    return number(single)


def _rounded(values: list[Result]) -> Result:
    value = number(values[0])
    if value is None:
        return None
    digits = int(number(values[1]) or 0) if len(values) > 1 else 0
    scale = 10**digits
    away = math.floor(abs(value) * scale + 0.5) / scale * (1 if value >= 0 else -1)
    return int(away) if digits <= 0 else away


def _power(values: list[Result]) -> Result:
    x, y = number(values[0]), number(values[1])
    try:
        return None if x is None or y is None else float(x) ** y
    except (OverflowError, ZeroDivisionError):
        return None


def _log(values: list[Result]) -> Result:
    value = number(values[0])
    base = number(values[1]) if len(values) > 1 else 10
    if value is None or base is None or value <= 0 or base <= 0:
        return None
    return math.log10(value) if base == 10 else math.log(value, base)


def _extreme(largest: bool) -> Function:
    def called(values: list[Result]) -> Result:
        singles = [v for v in map(scalar, values) if v is not None]
        if not singles:
            return None
        return (max if largest else min)(singles, key=order)

    return called


def _nullif(values: list[Result]) -> Result:
    return None if truth(compared("=", values[0], values[1])) else values[0]


def _strftime(values: list[Result]) -> Result:
    moment, form = number(values[0]), scalar(values[1])
    if moment is None or form is None:
        return None
    when = datetime.fromtimestamp(moment, UTC)
    pattern = text(form)
    for digits in (3, 6, 9):
        part = f"{when.microsecond:06d}000"[:digits]
        pattern = pattern.replace(f"%{digits}N", part).replace(f"%{digits}Q", part)
    pattern = pattern.replace("%N", f"{when.microsecond:06d}000").replace(
        "%Q", f"{when.microsecond // 1000:03d}"
    )
    return when.strftime(pattern.replace("%s", str(int(moment))).replace("%:z", "+00:00"))


def _strptime(values: list[Result]) -> Result:
    given, form = scalar(values[0]), scalar(values[1])
    if given is None or form is None:
        return None
    pattern = text(form)
    for name in ("%3N", "%6N", "%9N", "%N", "%3Q", "%6Q", "%Q"):
        pattern = pattern.replace(name, "%f")
    try:
        moment = datetime.strptime(text(given), pattern.replace("%:z", "%z"))  # noqa: DTZ007
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _relative_time(values: list[Result]) -> Result:
    moment, modifier = number(values[0]), scalar(values[1])
    if moment is None or modifier is None:
        return None
    try:
        return relative(text(modifier), moment)
    except SearchRefused as refused:
        raise SearchFailed(str(refused)) from refused


NUMBERS: Table = {
    "tonumber": (1, 2, _tonumber),
    "round": (1, 2, _rounded),
    "floor": (1, 1, _on_number(math.floor)),
    "ceil": (1, 1, _on_number(math.ceil)),
    "ceiling": (1, 1, _on_number(math.ceil)),
    "abs": (1, 1, _on_number(abs)),
    "exact": (1, 1, _on_number(lambda value: value)),
    "sqrt": (1, 1, _on_number(math.sqrt)),
    "exp": (1, 1, _on_number(math.exp)),
    "ln": (1, 1, _on_number(math.log)),
    "log": (1, 2, _log),
    "pow": (2, 2, _power),
    "min": (1, 99, _extreme(largest=False)),
    "max": (1, 99, _extreme(largest=True)),
    "nullif": (2, 2, _nullif),
    "strftime": (2, 2, _strftime),
    "strptime": (2, 2, _strptime),
    "relative_time": (2, 2, _relative_time),
    "true": (0, 0, lambda _: True),
    "false": (0, 0, lambda _: False),
    "null": (0, 0, lambda _: None),
    "pi": (0, 0, lambda _: math.pi),
}


def clock_functions(context: Context) -> Table:
    """``now()`` and ``time()``: the time of the search."""
    return {
        "now": (0, 0, lambda _: int(context.now)),
        "time": (0, 0, lambda _: context.now),
    }
