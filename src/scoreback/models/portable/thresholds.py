"""Comparisons and sums in single precision, expressed in double precision."""

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats, score_of
from scoreback.portable.model import HIGHEST

NEVER = HIGHEST  # log-odds that no score reaches
_NONE_BELOW = -float(np.finfo(np.float64).max)  # no finite number is below it


def in_doubles(thresholds: NDArray[np.float32]) -> Floats:
    """For each t, the smallest double that rounds to at least t in single precision.

    That is the midpoint between t and the next lower float32, or the double above it if the
    midpoint itself is rounded down. Numbers beyond single precision count as its largest number.
    """
    upper = np.asarray(thresholds, dtype=np.float32) + np.float32(0)  # -0 becomes 0
    with np.errstate(over="ignore"):
        lower = np.nextafter(upper, np.float32(-np.inf))
    middle = (upper.astype(np.float64) + lower.astype(np.float64)) / 2
    tie_goes_up = (upper.view(np.int32) & 1) == 0  # ties go to the even number
    found = np.where(tie_goes_up, middle, np.nextafter(middle, np.inf))
    return np.where(np.isneginf(lower) | np.isneginf(upper), _NONE_BELOW, found)


def cut_of(threshold: float) -> float:
    """The lowest float32 log-odds whose score reaches *threshold*; `NEVER` if none does.

    It decides alerts exactly as ``score >= threshold`` does, ties included.
    """
    low, high = _order(-HIGHEST), _order(HIGHEST)
    if score_of(np.array([HIGHEST]))[0] < threshold:
        return NEVER
    while low < high:  # bisect over all float32 numbers in order
        middle = (low + high) // 2
        if score_of(np.array([_number(middle)]))[0] >= threshold:
            high = middle
        else:
            low = middle + 1
    return _number(low)


def _order(number: float) -> int:
    """The rank of a float32 among all of them, so that neighbours have consecutive ranks."""
    bits = int(np.float32(number).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _number(order: int) -> float:
    sign = -1.0 if order < 0 else 1.0
    return sign * float(np.int32(abs(order)).view(np.float32))
