"""When a replay trains, and which days it judges."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from apscheduler.triggers.cron import CronTrigger

from scoreback.errors import ConfigError
from scoreback.models.detector.cron import apscheduler_line
from scoreback.models.detector.spec import Detector
from scoreback.times import MICROSECOND, micros

MOST_TRAININGS = 1_000  # per start day; more is probably a typing error


def training_moments(
    detector: Detector, since: datetime, until: datetime, every: timedelta | None
) -> list[datetime]:
    """When versions are trained in ``[since, until)``: at *since*, then by the schedule or *every*.

    Args:
        detector: its ``schedule.train`` says when, in UTC.
        since: the first day.
        until: the end of the last day.
        every: the time between trainings, in place of the schedule.

    Raises:
        ConfigError: there would be too many trainings.
    """
    found = [since]
    times = (
        fire_times(detector.schedule.train, since)
        if every is None
        else (since + n * every for n in count(1))
    )
    for due in times:
        if due >= until:
            break
        if len(found) >= MOST_TRAININGS:
            raise ConfigError(
                f"detector {detector.name!r} would be trained more than {MOST_TRAININGS:,} times"
                f" between {since:%Y-%m-%d} and {until:%Y-%m-%d}",
                hint="give --every 7d, or a shorter time",
            )
        found.append(due)
    return found


def fire_times(line: str, after: datetime) -> Iterator[datetime]:
    """The times after *after* that a cron *line* names, in UTC and in order."""
    cron = CronTrigger.from_crontab(apscheduler_line(line), timezone=UTC)
    due = after
    while (due := cron.get_next_fire_time(due, due + MICROSECOND)) is not None:
        yield due


def start_days(
    detector: Detector, since: datetime, until: datetime, every: timedelta | None, starts: int
) -> list[list[datetime]]:
    """When versions are trained, for each of *starts* start days.

    Start days lie whole days apart, spread over the time between two trainings, so that each start
    trains on different days. Each repeats the trainings of the first, shifted by its offset.

    Raises:
        ConfigError: there are fewer days between two trainings than *starts*.
    """
    moments = training_moments(detector, since, until, every)
    gap = (moments[1] if len(moments) > 1 else until) - moments[0]
    apart = timedelta(days=max(gap // timedelta(days=1) // starts, 1))
    if starts > 1 and since + (starts - 1) * apart >= min(since + gap, until):
        raise ConfigError(
            f"{starts} start days do not fit between two trainings, which are"
            f" {gap / timedelta(days=1):.3g} days apart",
            hint="give fewer --starts, or train less often with --every",
        )
    return [
        [moment + n * apart for moment in moments if moment + n * apart < until]
        for n in range(starts)
    ]


def day_bounds(detector: Detector, since: datetime, until: datetime) -> list[int]:
    """Where each of the team's whole days within ``[since, until)`` begins and the last ends; µs.

    Raises:
        ConfigError: there is no whole day.
    """
    starts = detector.alerts.day_starts.between(micros(since), micros(until))
    inside = [start for start in starts if micros(since) <= start <= micros(until)]
    if len(inside) < 2:
        raise ConfigError(
            f"there is no whole day between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}, by"
            f" alerts.day_starts: {detector.alerts.day_starts}",
            hint="give an earlier --since, or a later --until",
        )
    return inside
