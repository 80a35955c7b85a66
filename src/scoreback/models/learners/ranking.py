"""How well scores rank, whatever the threshold."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def average_precision(truth: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    """Mean precision over the positives, tied scores taken together; NaN without positives."""
    positives = int((truth == 1).sum())
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(truth[order] == 1)[last_of_tie]
    new_hits = np.diff(hits, prepend=0)
    return float((new_hits * hits / (last_of_tie + 1)).sum() / positives)


def mean_average_precision(
    parts: Iterable[tuple[NDArray[np.int8], NDArray[np.float64]]],
) -> float | None:
    """Over several models' truth and scores, weighted by positives; None without one.

    Scores of different models are never ranked together.
    """
    total, weight = 0.0, 0
    for truth, scores in parts:
        if positives := int((truth == 1).sum()):
            total += positives * average_precision(truth, scores)
            weight += positives
    return total / weight if weight else None
