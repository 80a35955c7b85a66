"""Intervals of shares, such as precision and recall: by bootstrap, and Wilson's."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.9  # of the intervals
DAYS_TO_COME = 7.0  # the most days that a forecast covers: a team looks back on a week
_RESAMPLES = 500


def days_to_come(
    truth: NDArray[np.bool_], drawn: tuple[float, float] | None, days: float
) -> tuple[float | None, float | None]:
    """The interval for a share on as many days to come as were judged, at most a week.

    The days to come vary as the judged ones do. So the variance of the mean over the judged days is
    added to that of the mean over the days to come, which is larger if these are fewer. An interval
    for the judged mean alone would contain the share of as many days only three times in four.

    Args:
        truth: whether each unit counts.
        drawn: the interval of their share by `drawn_interval`.
        days: the number of days that the units come from.
    """
    variance = 1 + max(days / DAYS_TO_COME, 1.0)  # as a multiple of the judged mean's
    if drawn is not None:
        middle, factor = float(truth.mean()), variance**0.5
        drawn = (middle - factor * (middle - drawn[0]), middle + factor * (drawn[1] - middle))
        drawn = (max(drawn[0], 0.0), min(drawn[1], 1.0))
    return _wider(float(truth.sum()) / variance, len(truth) / variance, drawn)


def precision_interval(
    truth: NDArray[np.bool_], drawn: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """The interval for the true precision of the alerts; None without alerts."""
    return _wider(float(truth.sum()), float(len(truth)), drawn)


def _wider(
    true: float, shown: float, drawn: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """The union of two intervals, *drawn* and Wilson's.

    A bootstrap over few days is blind to what those days did not show. Wilson's interval takes
    alerts as independent, although those of one day or entity are not.
    """
    if not shown:
        return None, None
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    middle = (true + z * z / 2) / (shown + z * z)
    half = z / (shown + z * z) * (true * (shown - true) / shown + z * z / 4) ** 0.5
    low, high = drawn or (true / shown, true / shown)
    return (
        min(max(middle - half, 0.0), true / shown, low),
        max(min(middle + half, 1.0), true / shown, high),
    )


def drawn_interval(
    truth: NDArray[np.bool_], days: NDArray[np.int64], entities: NDArray[np.int64], seed: int
) -> tuple[float, float] | None:
    """Bootstrap interval of a share that resamples days and entities with their units.

    Args:
        truth: whether each unit counts: an alert that is true, a positive that was found.
        days: each unit's day, under any numbering.
        entities: each unit's entity, -1 if it has none.
        seed: of the draws.
    """
    if not len(truth):
        return None
    absent = entities < 0  # each is an entity of its own
    entities = np.where(absent, -1 - np.arange(len(entities)), entities)
    day, entity = (np.unique(v, return_inverse=True)[1] for v in (days, entities))
    together = day * (int(entity.max()) + 1) + entity
    _, first, pair, count = np.unique(
        together, return_index=True, return_inverse=True, return_counts=True
    )
    true = np.bincount(pair[truth], minlength=len(count))
    day, entity = day[first], entity[first]
    draw = np.random.default_rng(seed)
    ratios = []
    for _ in range(_RESAMPLES):
        weight = times_drawn(draw, day) * times_drawn(draw, entity)
        if total := (weight * count).sum():
            ratios.append(float((weight * true).sum() / total))
    if not ratios:
        return None
    tail = (1 - CONFIDENCE) / 2
    return float(np.quantile(ratios, tail)), float(np.quantile(ratios, 1 - tail))


def times_drawn(draw: np.random.Generator, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each row's group is drawn if as many groups are drawn with replacement."""
    count = int(groups.max()) + 1
    times = np.bincount(draw.integers(0, count, count), minlength=count)
    return np.asarray(times[groups], dtype=np.int64)
