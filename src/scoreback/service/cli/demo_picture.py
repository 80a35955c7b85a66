"""The alerts of each day as two rows of bars: true alerts, and the others."""

from collections.abc import Iterator, Sequence

from scoreback.service.demo.story import DayCount

_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 3  # columns of a day
_EVERY = 5  # days between the numbers below
_NAMES = 8  # columns that the rows' names take


def picture(days: Sequence[DayCount]) -> Iterator[str]:
    """The lines to print; each begins with a space, so that `show.say` does not wrap it."""
    true = [one.true_alerts for one in days]
    false = [one.alerts - one.true_alerts for one in days]
    most = max([*true, *false, 1])
    for name, counts in (("true", true), ("false", false)):
        yield _line(name, [_bar(count, most) for count in counts])
    yield _line("day", [str(one.day) if one.day % _EVERY == 0 else "" for one in days])


def _line(name: str, cells: Sequence[str]) -> str:
    return f" {name:<{_NAMES}}{''.join(f'{cell:<{_WIDE}}' for cell in cells)}".rstrip()


def _bar(count: int, most: int) -> str:
    """The bar for *count*; blank for 0."""
    if not count:
        return ""
    return _BARS[min(len(_BARS) - 1, count * len(_BARS) // most)] * (_WIDE - 1)
