"""Times as Kibana writes and reads them: ISO in UTC with milliseconds, and date math about now."""

import re
from datetime import UTC, datetime

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RELATIVE = re.compile(r"now(?:([+-])(\d+)([smhdw]))?\Z")


def iso(seconds: float) -> str:
    """Seconds since 1970 as Kibana shows them."""
    moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """An ISO time as seconds since 1970; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def duration(text: str) -> float:
    """``5m`` in seconds.

    Raises:
        ValueError: The text is something else.
    """
    if not re.fullmatch(r"\d+[smhdw]", text):
        raise ValueError(f"{text!r} is not a duration")
    return int(text[:-1]) * _SECONDS[text[-1]]


def date_math(text: str, now: float) -> float:
    """``now-9m`` or an ISO time, as seconds since 1970.

    Raises:
        ValueError: The text is neither.
    """
    found = _RELATIVE.match(text)
    if not found:
        return seconds_of(text)
    sign, count, unit = found.groups()
    moved = int(count) * _SECONDS[unit] if count else 0
    return now - moved if sign == "-" else now + moved
