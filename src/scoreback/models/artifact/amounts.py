"""Numbers, shares and durations in everyday words, and long texts cut to a readable length."""

from datetime import timedelta

from scoreback.models.judging.norms import Norms

_LONGEST = 200  # characters of a field's value; a command line can hold a megabyte
_PARTS = 10  # a large share that is not about 1 in N is given in tenths
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def cut(text: str) -> str:
    """The part of a field's value that a reason shows."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def shown(value: float | str) -> str:
    """Whole numbers without a decimal point, others with four significant digits; texts cut."""
    if isinstance(value, str):
        return cut(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def share(part: int, whole: int) -> str:
    """*part* of *whole* in everyday words: ``1 in 40``, ``7 in 10``, ``all``, ``none``."""
    if part <= 0 or whole <= 0:
        return "none"
    if part >= whole:
        return "all"
    one_in = whole / part
    if one_in >= 2 and (one_in > 5 or abs(one_in - round(one_in)) < 0.15):
        return f"1 in {round(one_in):,}"
    tenths = round(_PARTS * part / whole)
    return "nearly all" if tenths == _PARTS else f"{tenths} in {_PARTS}"


def as_in(part: int, whole: int, norms: Norms | None) -> str:
    """The share of training units that had something, in brackets; empty where not recorded."""
    if not whole or norms is None:
        return ""
    told = share(part, whole)
    if told == "none":
        return f" (as in no {norms.unit.removesuffix('s')} of training)"
    return f" (as in {told} {norms.unit} of training)"


def times(count: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def lasting(seconds: float) -> str:
    """A duration in the largest unit that fits: ``1.5 hours``, ``1 second``."""
    unit, length = next((u for u in _UNITS if abs(seconds) >= u[1]), _UNITS[-1])
    amount = shown(round(seconds / length, 1))
    return f"{amount} {unit}" if amount == "1" else f"{amount} {unit}s"


def span_of(length: timedelta) -> str:
    """The length of a window: ``an hour``, ``a day``, ``7 days``, ``90 minutes``."""
    seconds = int(length.total_seconds())
    unit, size = next(u for u in _UNITS if seconds % u[1] == 0)
    count = seconds // size
    if count != 1:
        return f"{count} {unit}s"
    return f"an {unit}" if unit == "hour" else f"a {unit}"
