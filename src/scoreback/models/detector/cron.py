"""Cron lines as Unix reads them, translated for APScheduler.

APScheduler counts weekdays from Monday and joins day-of-month and day-of-week by "and"; cron counts
from Sunday and joins them by "or". So weekdays are passed by name, and a line that restricts both
is refused.
"""

import re
from datetime import UTC, datetime

from scoreback.models.detector.wrong import WrongValue

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(r"(\*|[0-7](?:-[0-7])?)(?:/([1-9]\d?))?")
_EXAMPLE = 'write five fields, minute hour day month weekday, for example "*/5 * * * *"'


def check_cron_line(line: str) -> str:
    """Return *line* if a scheduler can run it.

    Raises:
        WrongValue: it does not have five fields, a field is out of range, or it can never fire.
    """
    from apscheduler.triggers.cron import CronTrigger

    prepared = apscheduler_line(line)
    try:
        trigger = CronTrigger.from_crontab(prepared, timezone=UTC)
    except ValueError as error:
        raise WrongValue(f"{line!r} is not a cron line: {error}", hint=_EXAMPLE) from error
    if not trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)):
        raise WrongValue(f"{line!r} can never fire", hint=_EXAMPLE)
    return line


def apscheduler_line(line: str) -> str:
    """*line* with weekdays by name, so that 0 and 7 are Sunday as in every crontab.

    Raises:
        WrongValue: it does not have five fields, or restricts the day of month and of week at once.
    """
    fields = line.split()
    if len(fields) != 5:
        raise WrongValue(f"{line!r} has {len(fields)} fields, not five", hint=_EXAMPLE)
    if fields[2] != "*" and fields[4] != "*":
        raise WrongValue(
            f"{line!r} restricts both the day of the month and the day of the week",
            hint="schedulers disagree on what that means: restrict one, and write * for the other",
        )
    return " ".join([*fields[:4], ",".join(_by_name(part) for part in fields[4].split(","))])


def _by_name(part: str) -> str:
    match = _PART.fullmatch(part)
    if not match or part == "*":
        return part  # names, and whatever APScheduler will refuse
    first, last = (0, 6) if match[1] == "*" else (int(match[1][0]), int(match[1][-1]))
    if match[2] and len(match[1]) == 1 and match[1] != "*":
        last = 6  # "2/3" means from 2 on
    days = range(first, last + 1, int(match[2] or 1))
    if not days:
        raise WrongValue(f"weekdays {part!r} run backwards", hint="write for example 5,6,0 or 1-5")
    return ",".join(_WEEKDAYS[day] for day in days)
