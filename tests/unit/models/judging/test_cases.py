"""A flood of one entity within an hour is one case."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.cases import CASE_US, cases_of, thinned

Row = tuple[int, int, int]  # hour, entity, truth


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2), st.integers(-1, 1)), max_size=60))
def test_rows_of_one_entity_hour_and_truth_are_one_case_and_absent_entities_alone(
    rows: list[Row],
) -> None:
    hour, entity, truth = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    case = cases_of(hour * CASE_US + 7, entity, truth.astype(np.int8))
    named: dict[object, int] = {}
    for i, row in enumerate(rows):
        key: object = row if row[1] >= 0 else i
        assert named.setdefault(key, int(case[i])) == case[i]
    assert len(set(named.values())) == len(named)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.integers(1, 30))
def test_each_case_weighs_one_however_many_rows_it_has(sizes: list[int], most: int) -> None:
    case = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    kept, weights = thinned(case, most)
    assert np.allclose(np.bincount(case[kept], weights), 1)
    assert np.bincount(case[kept]).max() <= most
    assert (np.diff(kept) > 0).all()


def test_no_rows_are_no_cases() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    kept, weights = thinned(cases_of(nothing, nothing, nothing.astype(np.int8)), 20)
    assert len(kept) == len(weights) == 0
