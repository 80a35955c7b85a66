"""A sample of what raised no alert: within its cap, whole strata seen, however the day is cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.audit_sample import audited, chances, strata_of, stratum_edges
from scoreback.models.judging.bins import bin_edges
from scoreback.records import EQUAL_EDGES

COUNTS = st.lists(st.integers(0, 100_000), min_size=1, max_size=5)


@given(COUNTS, st.integers(0, 99), st.floats(0.1, 50))
def test_no_more_is_expected_a_day_than_a_team_will_look_at(
    counts: list[int], seed: int, audits: float
) -> None:
    per_day = np.array(counts, dtype=float)
    believed = np.random.default_rng(seed).random(len(counts))
    found = chances(per_day, believed, audits)
    assert (found >= 0).all()
    assert (found <= 1 + 1e-12).all()
    assert (found[per_day == 0] == 0).all()
    assert (found * per_day).sum() <= audits


@given(COUNTS, st.floats(0.1, 50))
def test_each_stratum_that_has_units_may_be_seen(counts: list[int], audits: float) -> None:
    per_day = np.array(counts, dtype=float)
    found = chances(per_day, np.zeros(len(counts)), audits)
    assert (found[per_day > 0] > 0).all()


def test_more_is_drawn_where_attacks_are_likelier() -> None:
    low, high = chances(np.array([1000.0, 1000.0]), np.array([0.001, 0.2]), 4)
    assert high > 2 * low > 0


@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 0.999)), max_size=60),
    st.integers(0, 9), st.integers(0, 20),
)  # fmt: skip
def test_the_cap_is_kept_and_the_same_are_audited_however_the_day_is_cut(
    units: list[tuple[int, float]], room: int, cut: int
) -> None:
    times = np.array([time for time, _ in units], dtype=np.int64)
    drawn = np.array([draw for _, draw in units], dtype=float)
    chance = np.full(len(units), 0.5)
    whole = audited(times, drawn, chance, room)
    assert whole.sum() <= room
    first = times < cut
    early = audited(times[first], drawn[first], chance[first], room)
    late = audited(times[~first], drawn[~first], chance[~first], room - int(early.sum()))
    assert (whole[first] == early).all()
    assert (whole[~first] == late).all()


def test_strata_are_cut_at_edges_of_the_scores_histogram() -> None:
    edges = bin_edges(np.random.default_rng(3).random(5000) ** 4)
    cut = stratum_edges(edges)
    assert len(cut) == 4
    assert set(cut) <= set(edges)
    assert set(stratum_edges(EQUAL_EDGES)) <= set(EQUAL_EDGES)
    scores = np.array([0.0, cut[0], cut[-1], 1.0])
    assert strata_of(scores, cut).tolist() == [0, 1, 4, 4]


def test_a_model_of_one_score_has_strata_too() -> None:
    assert len(stratum_edges((0.5,))) <= 1
    assert strata_of(np.array([0.5]), stratum_edges((0.5,))).shape == (1,)
