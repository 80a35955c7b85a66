"""Where to cut scores into bins so that a histogram of them tells of drift and of a budget."""

import numpy as np

from scoreback.models.learners.model import Floats
from scoreback.records import EQUAL_EDGES

# Even in the bulk, where drift shows, and ever finer at the top, where thresholds lie.
_LEVELS = (
    *(n / 20 for n in range(1, 20)), 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.99975, 0.9999,
)  # fmt: skip


def levels_of(edges: tuple[float, ...]) -> tuple[float, ...]:
    """The share of scores that `bin_edges` saw below each of *edges*.

    Where some quantiles fell together it is a guess: they are taken for even.
    """
    if len(edges) == len(_LEVELS):
        return _LEVELS
    return tuple((place + 1) / (len(edges) + 1) for place in range(len(edges)))


def bin_edges(scores: Floats) -> tuple[float, ...]:
    """Quantiles of *scores*, strictly ascending within (0, 1); equal bins where there are none."""
    if not len(scores):
        return EQUAL_EDGES
    edges = np.unique(np.quantile(scores, _LEVELS))
    inside = edges[(edges > 0) & (edges < 1)]
    return tuple(inside.tolist()) or EQUAL_EDGES


def counted(scores: Floats, edges: tuple[float, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The bin of each of *scores*: how many of *edges* are at or below it."""
    return np.searchsorted(np.asarray(edges), scores, side="right")
