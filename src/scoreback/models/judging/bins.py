"""Bins of scores whose histograms show drift and the scores at which an alert budget is met."""

from collections.abc import Sequence

import numpy as np

from scoreback.models.learners.model import Floats
from scoreback.records import EQUAL_EDGES

# Even in the bulk, where drift shows, and increasingly fine at the top, where thresholds lie.
_LEVELS = (
    *(n / 20 for n in range(1, 20)), 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.99975, 0.9999,
)  # fmt: skip


def levels_of(edges: tuple[float, ...]) -> tuple[float, ...]:
    """The share of scores below each of *edges* when `bin_edges` made them.

    If some quantiles coincided, the shares are unknown and assumed to be evenly spaced.
    """
    if len(edges) == len(_LEVELS):
        return _LEVELS
    return tuple((place + 1) / (len(edges) + 1) for place in range(len(edges)))


def bin_edges(scores: Floats) -> tuple[float, ...]:
    """Quantiles of *scores*, strictly ascending within (0, 1); equal bins if there are none."""
    if not len(scores):
        return EQUAL_EDGES
    edges = np.unique(np.quantile(scores, _LEVELS))
    inside = edges[(edges > 0) & (edges < 1)]
    return tuple(inside.tolist()) or EQUAL_EDGES


def counted(scores: Floats, edges: tuple[float, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The bin of each of *scores*: how many of *edges* are at or below it."""
    return np.searchsorted(np.asarray(edges), scores, side="right")


def quantiles(
    counts: Sequence[int], edges: tuple[float, ...], levels: Sequence[float]
) -> tuple[float, ...]:
    """The quantiles of the scores in a histogram, assumed to be evenly spread within a bin.

    Args:
        counts: how many scores lie in each of the ``len(edges) + 1`` bins, at least one in all.
        edges: where one bin ends and the next begins.
        levels: shares, above 0 and at most 1.
    """
    each, ends = np.asarray(counts), np.array([0.0, *edges, 1.0])
    upto = np.cumsum(each)
    wanted = np.asarray(levels) * upto[-1]
    place = np.searchsorted(upto, wanted)  # the first bin with so many scores in and below it
    inside = 1 - (upto[place] - wanted) / each[place]
    return tuple((ends[place] + inside * np.diff(ends)[place]).tolist())
