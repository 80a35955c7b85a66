"""Times for storage and computation: whole microseconds since 1970, UTC."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # of durations, in seconds
_ISO_OR_SECONDS = re.compile(r"P|\d+(\.\d+)?$")
_DURATION = re.compile(r"(0|[1-9]\d{0,9})([smhdw])")


def micros(moment: datetime) -> int:
    """*moment* as microseconds since 1970, exactly.

    Raises:
        ValueError: *moment* has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """The inverse of `micros`, in UTC."""
    return EPOCH + microseconds * MICROSECOND


def span(duration: timedelta) -> int:
    """*duration* in whole microseconds."""
    return duration // MICROSECOND


def duration(text: object) -> timedelta | None:
    """Read a duration such as ``"5m"``, ``"1h"``, ``"7d"``; None if *text* is none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    seconds = int(match[1]) * UNITS[match[2]]
    return timedelta(seconds=min(seconds, timedelta.max // timedelta(seconds=1)))


def duration_setting(given: object) -> object:
    """Read a duration of a setting; ISO 8601 and numbers of seconds are left unchanged.

    Raises:
        ValueError: it is text of another form.
    """
    found = duration(given)
    if found is not None:
        return found
    if isinstance(given, str) and not _ISO_OR_SECONDS.match(given):
        raise ValueError("it is not a duration; write a number and s, m, h or d, such as 60s")
    return given
