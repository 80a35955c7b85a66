"""Cases: the events of one entity within an hour that have the same truth.

A scan that makes a hundred thousand events is one incident. Counted by events, it would dominate
the history and every comparison of candidates.
"""

import numpy as np
from numpy.typing import NDArray

CASE_US = 3_600_000_000


def cases_of(
    times: NDArray[np.int64], entities: NDArray[np.int64], truth: NDArray[np.int8]
) -> NDArray[np.int64]:
    """The case number of each row; shape (rows,).

    Args:
        times: microseconds; shape (rows,).
        entities: codes; a row with -1 has no entity and is a separate case.
        truth: 1, 0 or unknown.
    """
    absent = -1 - np.arange(len(times))
    keys = (truth.astype(np.int64), times // CASE_US, np.where(entities < 0, absent, entities))
    order = np.lexsort(keys)
    new = np.ones(len(times), dtype=bool)
    new[1:] = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
    found = np.empty(len(times), dtype=np.int64)
    found[order] = np.cumsum(new) - 1
    return found


def thinned(case: NDArray[np.int64], most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of about *most* rows of each case, evenly spaced, and their weights.

    The weights of a case add up to one.
    """
    order = np.argsort(case, kind="stable")
    sizes = np.bincount(case)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(case)) - starts[case[order]]
    step = -(-sizes // most)
    kept = np.sort(order[rank % step[case[order]] == 0])
    return kept, 1.0 / np.bincount(case[kept], minlength=len(sizes))[case[kept]]
