"""How well scores rank, whatever the threshold."""

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
