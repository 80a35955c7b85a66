"""Cron lines, in UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime

from croniter import croniter  # type: ignore[import-untyped]


def valid(line: str) -> bool:
    """Whether a line has five fields that make sense."""
    return len(line.split()) == 5 and bool(croniter.is_valid(line))


def after(line: str, seconds: float) -> float:
    """The first time after *seconds*."""
    moment = croniter(line, datetime.fromtimestamp(seconds, UTC)).get_next(datetime)
    return float(moment.timestamp())


def between(line: str, first: float, last: float) -> Iterator[float]:
    """The times after *first*, up to and with *last*."""
    moment = after(line, first)
    while moment <= last:
        yield moment
        moment = after(line, moment)
