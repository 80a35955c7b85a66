"""Times in alerts, as whole microseconds."""

import re
from datetime import UTC, datetime

from scoreback.times import UNITS, micros

_BACK = re.compile(r"now-(\d{1,9})([smhdw])")


def micros_of(text: str | None) -> int | None:
    """A time in ISO 8601 or in milliseconds since 1970; None if *text* is neither."""
    if not text:
        return None
    try:
        return int(text) * 1_000
    except ValueError:
        pass
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return micros(told if told.tzinfo else told.replace(tzinfo=UTC))


def look_back(text: str | None) -> int | None:
    """The length of ``now-9m`` in microseconds; None if *text* has another form."""
    found = _BACK.fullmatch(text or "")
    return None if found is None else int(found[1]) * UNITS[found[2]] * 1_000_000
