"""Quantiles that are read back from binned counts are those of the scores, within a bin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.bins import bin_edges, counted, quantiles

LEVELS = (0.5, 0.9, 0.99, 0.999)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_of_binned_scores_are_those_of_the_scores_within_a_bin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = bin_edges(rng.beta(0.4, 6, 20_000))
    later = rng.beta(0.5, 5, 5_000)
    bins = np.bincount(counted(later, edges), minlength=len(edges) + 1).tolist()
    ends = np.array([0.0, *edges, 1.0])
    for level, read in zip(LEVELS, quantiles(bins, edges, LEVELS), strict=True):
        exact = np.quantile(later, level, method="inverted_cdf")
        place = int(np.searchsorted(edges, exact, side="right"))
        assert ends[place] <= read <= ends[place + 1]


@given(st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any))
def test_quantiles_rise_with_the_level_and_lie_where_scores_were_counted(bins: list[int]) -> None:
    read = quantiles(bins, (0.2, 0.7), [0.01, 0.25, 0.5, 0.75, 1.0])
    assert list(read) == sorted(read)
    filled = [n for n, count in enumerate(bins) if count]
    ends = (0.0, 0.2, 0.7, 1.0)
    assert read[-1] == ends[filled[-1] + 1]
    for value in read:
        assert any(ends[n] <= value <= ends[n + 1] for n in filled)
