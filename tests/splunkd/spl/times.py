"""Splunk's time modifiers: ``-5m@m``, ``now``, epoch seconds, ISO text."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.splunkd.spl.values import SearchRefused, number

_SPAN = re.compile(r"([+-]?)(\d*)([a-zA-Z]+)")
_SECONDS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_MONTHS = {"mon": 1, "month": 1, "months": 1, "q": 3, "qtr": 3, "quarter": 3, "y": 12, "yr": 12,
           "year": 12, "years": 12}  # fmt: skip
_ABSOLUTE = ("%m/%d/%Y:%H:%M:%S", "%m/%d/%Y")


@dataclass(frozen=True)
class Bounds:
    """Half-open times: of events, and of indexing."""

    earliest: float | None = None
    latest: float | None = None
    index_earliest: float | None = None
    index_latest: float | None = None


def instant(given: str, now: float) -> float | None:
    """The epoch seconds that a modifier means; None for no bound (empty text)."""
    text = given.strip().strip('"')
    if not text:
        return None
    if text.lower() in ("now", "now()"):
        return now
    if text.startswith("rt"):
        raise SearchRefused("Real-time searches are not simulated.")
    as_number = number(text)
    if as_number is not None and not text.startswith(("+", "-")):
        return float(as_number)
    if text[0] in "+-@" or re.match(r"[a-z]+@|now[+-]", text):
        return relative(text.removeprefix("now"), now)
    for form in _ABSOLUTE:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SearchRefused(f'Invalid value "{given}" for time term.') from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def relative(modifier: str, now: float) -> float:
    """*now* moved and snapped, as ``-1d@d+2h`` says."""
    moment = datetime.fromtimestamp(now, UTC)
    rest = modifier
    while rest:
        if rest.startswith("@"):
            match = re.match(r"@([a-zA-Z]+\d?)", rest)
            if match is None:
                raise SearchRefused(f'Invalid value "{modifier}" for time term.')
            moment = _snapped(moment, match[1].lower())
        else:
            match = _SPAN.match(rest)
            if match is None:
                raise SearchRefused(f'Invalid value "{modifier}" for time term.')
            amount = int(match[2] or 1) * (-1 if match[1] == "-" else 1)
            moment = _moved(moment, amount, match[3].lower(), modifier)
        rest = rest[match.end() :]
    return moment.timestamp()


def _moved(moment: datetime, amount: int, unit: str, modifier: str) -> datetime:
    if unit in _SECONDS:
        return moment + timedelta(seconds=amount * _SECONDS[unit])
    if unit in _MONTHS:
        months = moment.year * 12 + moment.month - 1 + amount * _MONTHS[unit]
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, 28))
    raise SearchRefused(f'Invalid value "{modifier}" for time term.')


def _snapped(moment: datetime, unit: str) -> datetime:
    if re.fullmatch(r"w[0-7]", unit):
        back = (moment.weekday() + 1 - int(unit[1]) % 7) % 7
        return _snapped(moment - timedelta(days=back), "d")
    if unit in _MONTHS:
        first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if unit.startswith("y"):
            return first.replace(month=1)
        return first.replace(month=(first.month - 1) // 3 * 3 + 1) if unit[0] == "q" else first
    seconds = _SECONDS.get(unit)
    if seconds is None:
        raise SearchRefused(f'Invalid value "{unit}" for snapping a time.')
    if seconds == 604800:
        return _snapped(moment, "w0")
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def span(given: str) -> int:
    """Seconds of ``5m``; a plain number is seconds."""
    match = re.fullmatch(r"(\d+)([a-z]*)", given.strip())
    if match is None or (match[2] and match[2] not in _SECONDS):
        raise SearchRefused(f"The value for option span ({given}) is invalid.")
    return int(match[1]) * _SECONDS.get(match[2] or "s", 1)


def shown(seconds: float) -> str:
    """A time as results show it, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+00:00"
