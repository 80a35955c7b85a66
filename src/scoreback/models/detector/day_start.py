"""When a team's day begins, in its own time zone, and which day a moment belongs to.

A budget is for a day as the team lives it. When clocks change, a day has 23 or 25 hours. If they
change at the hour when days begin, the day begins at the first of the two, or after the gap.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scoreback.models.detector.wrong import WrongValue
from scoreback.times import micros, moment

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?")
_EXAMPLE = "write a time and a time zone: 06:00 Europe/Berlin"


@dataclass(frozen=True, slots=True)
class DayStart:
    """The time of day at which a team's day begins, in a zone of the IANA database."""

    at: time = time()
    zone: str = "UTC"

    def __str__(self) -> str:
        """The value as a detector file writes it."""
        return f"{self.at:%H:%M} {self.zone}"

    def between(self, since: int, until: int) -> list[int]:
        """The starts of days, from the last at or before *since* to the first at or after *until*.

        Args:
            since: microseconds since 1970, UTC.
            until: likewise, not before *since*.

        Returns:
            Ascending microseconds; at least two, so that every moment in between is in a day.
        """
        zone = ZoneInfo(self.zone)
        first = moment(since).astimezone(zone).date() - timedelta(days=2)
        last = moment(until).astimezone(zone).date() + timedelta(days=3)
        days = (last - first).days
        starts = sorted({self._start(first + timedelta(days=n), zone) for n in range(days)})
        low = bisect_right(starts, since) - 1
        high = bisect_left(starts, max(until, since + 1))
        return starts[low : high + 1]

    def _start(self, day: date, zone: ZoneInfo) -> int:
        return micros(datetime.combine(day, self.at, zone).astimezone(UTC))


def parse_day_start(text: object) -> DayStart:
    """``"06:00 Europe/Berlin"`` as a value; without a zone, UTC.

    Raises:
        ValueError: it is not a time of day, or the zone does not exist.
    """
    if isinstance(text, DayStart):
        return text
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise WrongValue(f"{text!r} is not a time of day", hint=_EXAMPLE)
    zone = match[3] or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WrongValue(f"{zone!r} is not a known time zone", hint=_EXAMPLE) from error
    return DayStart(time(int(match[1]), int(match[2])), zone)
