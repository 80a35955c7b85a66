from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import EventFeature
from scoreback.models.judging.reference import ENTITY, Reference, psi, reference_of

FEATURES = [
    EventFeature(kind="number", field="n", name="n"),
    EventFeature(kind="category", field="c", name="c"),
    EventFeature(kind="ngrams", field="t", name="t"),
]
COUNTS = st.lists(st.integers(0, 1000), min_size=3, max_size=3)


def rows_of(count: int, *, seed: int = 1, shift: float = 0.0, value: str = "v") -> pa.Table:
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=count) + shift
    numbers[::10] = np.nan
    kinds = draw.integers(0, 20, count)
    return pa.table(
        {
            "n": numbers,
            "c": [None if k == 0 else f"{value}{k}" for k in kinds],
            "t": ["x" * int(k) for k in kinds],
            ENTITY: [f"h{k % 7}" for k in kinds],
        }
    )


def learnt(rows: pa.Table) -> Reference:
    scores = np.random.default_rng(4).random(rows.num_rows)
    return reference_of(FEATURES, rows, rows[ENTITY].combine_chunks(), scores)


@given(before=COUNTS, now=COUNTS)
def test_psi_is_none_for_the_same_and_grows_from_nothing(before: list[int], now: list[int]) -> None:
    assert psi(before, before) == 0
    assert psi(before, now) >= 0
    assert psi(before, now) == pytest.approx(psi(now, before))


@given(cuts=st.lists(st.integers(0, 500), max_size=4))
def test_counts_of_portions_add_up_to_those_of_the_whole(cuts: list[int]) -> None:
    rows, scores = rows_of(500), np.linspace(0, 1, 500)
    reference = learnt(rows_of(1000, seed=2))
    whole = reference.counted(rows, scores, ENTITY)
    edges = [0, *sorted(cuts), 500]
    parts = [
        reference.counted(rows.slice(a, b - a), scores[a:b], ENTITY) for a, b in pairwise(edges)
    ]
    for name, counts in whole.items():
        assert counts.sum() == 500
        np.testing.assert_array_equal(sum(part[name] for part in parts), counts)


def test_missing_and_unseen_values_have_bins_of_their_own() -> None:
    reference = learnt(rows_of(1000))
    counts = reference.counted(rows_of(100, value="w"), np.zeros(100), ENTITY)
    assert counts["n"][-1] == 10
    assert counts["c"][-2] + counts["c"][-1] == 100
    assert counts[ENTITY][-2] == 0


def test_what_training_counted_is_the_whole_window() -> None:
    reference = learnt(rows_of(1000))
    assert all(sum(column.expected) == 1000 for column in reference.columns)
    assert reference.scores.usual_of(50).rows == 100  # the shortest blocks there are
    assert reference.scores.usual_of(10_000).rows == 100


def test_longer_blocks_are_nearer_to_the_whole() -> None:
    usual = learnt(rows_of(10_000)).features[0].usual
    assert [one.rows for one in usual] == [100, 300, 900]
    assert usual[0].psi > usual[1].psi > usual[2].psi


def test_no_rows_and_one_value_only_are_no_trouble() -> None:
    empty = rows_of(0)
    none = reference_of(FEATURES, empty, pa.array([], pa.string()), np.zeros(0))
    assert all(not sum(column.expected) for column in none.columns)
    same = pa.table(
        {"n": [3.0] * 400, "c": ["a"] * 400, "t": [None] * 400, ENTITY: [None] * 400},
        schema=rows_of(100).schema,
    )
    counts = learnt(same).counted(same, np.full(400, 0.5), ENTITY)
    assert counts["t"][-1] == counts[ENTITY][-1] == 400
