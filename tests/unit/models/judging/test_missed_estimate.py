"""What audits tell of attacks that no alert showed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.missed_estimate import Looked, missed_attacks


@st.composite
def looked(draw: st.DrawFn) -> Looked:
    units = draw(st.integers(0, 5000))
    seen = draw(st.integers(0, min(units, 40)))
    return Looked(units=units, looked_at=seen, attacks=draw(st.integers(0, seen)))


@given(looked(), st.lists(looked(), max_size=5))
def test_the_estimate_lies_within_its_interval(alerts: Looked, strata: list[Looked]) -> None:
    found = missed_attacks(alerts, strata)
    low, high = found.attacks_between
    assert low >= sum(one.attacks for one in strata)  # what was found is sure
    assert 0 <= found.recall_between[0] <= found.recall_between[1] <= 1
    if all(one.looked_at for one in strata if one.units):
        assert low <= found.attacks * (1 + 1e-9) + 1e-9
        assert found.attacks <= high * (1 + 1e-9) + 1e-9


@given(looked(), st.lists(looked(), max_size=5))
def test_the_same_counts_give_the_same_figures(alerts: Looked, strata: list[Looked]) -> None:
    assert missed_attacks(alerts, strata) == missed_attacks(alerts, strata)


def test_where_everything_was_looked_at_nothing_is_left_to_chance() -> None:
    found = missed_attacks(
        Looked(units=20, looked_at=20, attacks=15), [Looked(units=100, looked_at=100, attacks=5)]
    )
    assert found.attacks_between == (5, 5)
    assert found.recall == pytest.approx(0.75)
    assert found.recall_between == pytest.approx((0.75, 0.75))
    assert found.useful


def test_where_nothing_was_looked_at_anything_may_have_been_missed() -> None:
    found = missed_attacks(
        Looked(units=20, looked_at=20, attacks=15), [Looked(units=100, looked_at=0, attacks=0)]
    )
    assert found.attacks_between == (0, 100)
    assert found.recall_between == pytest.approx((15 / 115, 1))
    assert not found.useful


def test_no_attack_in_few_audits_of_many_units_is_said_to_be_too_wide() -> None:
    alerts = Looked(units=20, looked_at=20, attacks=15)
    few = missed_attacks(alerts, [Looked(units=10_000, looked_at=20, attacks=0)])
    many = missed_attacks(alerts, [Looked(units=10_000, looked_at=9_000, attacks=0)])
    assert not few.useful
    assert many.useful


def test_nobody_knows_a_recall_where_no_attack_is_known_of() -> None:
    found = missed_attacks(Looked(units=0, looked_at=0, attacks=0), [])
    assert found.recall is None
    assert not found.useful


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        sizes, shares = (400, 3000), (0.1, 0.005)
        attacks = [draw.binomial(n, p) for n, p in zip(sizes, shares, strict=True)]
        strata = [
            Looked(units=n, looked_at=60, attacks=int(draw.hypergeometric(k, n - k, 60)))
            for n, k in zip(sizes, attacks, strict=True)
        ]
        found = missed_attacks(Looked(units=100, looked_at=100, attacks=40), strata)
        low, high = found.recall_between
        covered += low <= 40 / (40 + sum(attacks)) <= high
    assert covered >= 34
