"""Selects the whole days before a day, which set its threshold, from what is remembered."""

from collections.abc import Sequence

import numpy as np

from scoreback.models.detector.day_start import DayStart
from scoreback.models.judging.pacing import TRAILING_DAYS, Day, Trailing
from scoreback.models.judging.past import Past
from scoreback.suppression import DAY_US
from scoreback.times import HOUR_US

KEPT_DAYS = 2 * TRAILING_DAYS


def trailing_of(
    past: Sequence[Past], cold_start: Past | None, start: DayStart, day: int
) -> Trailing:
    """The whole days of *past* before *day*, supplemented by those of *cold_start*.

    The first day of *past* is not whole, because scoring began in it. If there are no whole days
    at all, all of the cold start represents any part of a day of its length.
    """
    days = _whole_days(past, start, day)[1:][-TRAILING_DAYS:]
    own = _knows_a_day(past, start, day)
    missing = TRAILING_DAYS - len(days)
    if cold_start is None or not missing or not cold_start.hours:
        return Trailing(days, own=own)
    filling = _whole_days([cold_start], start, max(cold_start.hours) + HOUR_US)
    whole = filling[1:-1] if len(filling) > 2 else []
    if whole or days:
        return Trailing([*whole[-missing:], *days], own=own)
    stretch = (max(cold_start.hours) + HOUR_US - min(cold_start.hours)) / DAY_US
    return Trailing(filling, own=own, stretch=stretch)


def units_a_day(past: Sequence[Past], cold_start: Past | None, start: DayStart, day: int) -> float:
    """Units scored a day: on the whole days before *day*, or else in the cold start."""
    days = days_with_units(past, start, day)[1:][-TRAILING_DAYS:]
    if days:
        since, until = days[0][0], days[-1][1]
        counted = (n for one in past for hour, n in one.hours.items() if since <= hour < until)
        return sum(counted) / len(days)
    if cold_start is None or not cold_start.hours:
        return 0.0
    stretch = max(cold_start.hours) + HOUR_US - min(cold_start.hours)
    return sum(cold_start.hours.values()) * DAY_US / max(stretch, DAY_US)


def days_with_units(past: Sequence[Past], start: DayStart, until: int) -> list[tuple[int, int]]:
    """The days of *past* that have ended by *until*, ascending."""
    hours = sorted({hour for one in past for hour in one.hours if hour < until})
    if not hours:
        return []
    starts = start.between(hours[0], until)
    days = np.unique(np.searchsorted(starts, hours, side="right") - 1).tolist()
    return [(starts[day], starts[day + 1]) for day in days if starts[day + 1] <= until]


def _knows_a_day(past: Sequence[Past], start: DayStart, day: int) -> bool:
    """Whether the model has scored at least half of a day before *day*.

    A model promoted in the evening has scored only minutes of that day, or late events. It knows
    no better than a model that begins at midnight what is unusual for a day.
    """
    scored = days_with_units(past, start, day)
    if not scored:
        return False
    since, until = scored[0]
    began = min(hour for one in past for hour in one.hours if hour >= since)
    return len(scored) > 1 or began - since <= (until - since) / 2


def _whole_days(past: Sequence[Past], start: DayStart, until: int) -> list[Day]:
    """Days before *until* with scored units, ascending; the first may be incomplete."""
    wanted = days_with_units(past, start, until)[-KEPT_DAYS:]
    if not wanted:
        return []
    first = wanted[0][0]
    near = [one for one in past if one.hours and max(one.hours) + HOUR_US > first]
    times = np.concatenate([one.units.times for one in near])
    order = np.argsort(times, kind="stable")
    times = times[order]
    entities = np.concatenate([one.units.entities for one in near])[order]
    scores = np.concatenate([one.units.scores for one in near])[order]
    draws = np.concatenate([one.units.draws for one in near])[order]
    found = []
    for since, end in wanted:
        low, high = np.searchsorted(times, (since, end))
        found.append(
            Day(
                since=since, until=end, times=times[low:high], entities=entities[low:high],
                scores=scores[low:high], draws=draws[low:high],
            )
        )  # fmt: skip
    return found
