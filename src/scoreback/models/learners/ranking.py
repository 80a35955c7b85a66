"""How well scores rank, whatever the threshold."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 200


def average_precision(
    truth: NDArray[np.int8],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Mean precision over the positives, tied scores taken together; NaN without positives.

    With *weights*, each row counts as that many rows.
    """
    positives = int((truth == 1).sum())
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    if weights is not None:
        own = weights[order]
        found, seen = np.cumsum(own * (truth[order] == 1))[last_of_tie], np.cumsum(own)[last_of_tie]
        return float((np.diff(found, prepend=0) * found / seen).sum() / found[-1])
    hits = np.cumsum(truth[order] == 1)[last_of_tie]
    new_hits = np.diff(hits, prepend=0)
    return float((new_hits * hits / (last_of_tie + 1)).sum() / positives)


def mean_over_rankings(
    truth: NDArray[np.int8],
    said: Sequence[NDArray[np.float64]],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """The mean average precision of several models that ranked the same rows."""
    return sum(average_precision(truth, scores, weights) for scores in said) / len(said)


def share_better(
    truth: NDArray[np.int8],
    new: Sequence[NDArray[np.float64]],
    old: Sequence[NDArray[np.float64]],
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Share of resamples of the rows in which the models of *new* rank better than those of *old*.

    Compares the mean average precision of each group; *weights* as in `average_precision`.
    """
    draw = np.random.default_rng(seed)
    better = 0
    for _ in range(_RESAMPLES):
        rows = draw.integers(0, len(truth), len(truth))
        own = None if weights is None else weights[rows]
        if truth[rows].any():
            gain = mean_over_rankings(truth[rows], [scores[rows] for scores in new], own)
            better += gain > mean_over_rankings(truth[rows], [scores[rows] for scores in old], own)
    return better / _RESAMPLES


def mean_average_precision(
    parts: Iterable[tuple[NDArray[np.int8], NDArray[np.float64]]],
) -> float | None:
    """The mean over several models' truth and scores, weighted by positives; None without any.

    Scores of different models are never ranked together.
    """
    total, weight = 0.0, 0
    for truth, scores in parts:
        if positives := int((truth == 1).sum()):
            total += positives * average_precision(truth, scores)
            weight += positives
    return total / weight if weight else None
