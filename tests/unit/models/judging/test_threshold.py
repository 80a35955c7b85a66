"""The threshold keeps the budget, the risk map rises, and every alert is kept."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.threshold import (
    RISK_AT_HIGH,
    RISK_AT_THRESHOLD,
    RiskMap,
    ScoredUnits,
    fit_threshold,
    keep_floor,
    openings,
)
from scoreback.suppression import Suppression, opened_by

HOUR_US = 3_600_000_000
rules = st.builds(
    Suppression,
    per_entity=st.integers(1, 4),
    throttle=st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(hours=30)]),
)
hits = st.lists(
    st.tuples(st.integers(0, 71), st.integers(-1, 3), st.integers(0, 12)), max_size=60
).map(sorted)


def units(given: list[tuple[int, int, int]], days: int = 3) -> ScoredUnits:
    """Units of (hour, entity, twelfths of a score)."""
    columns = np.array(given, dtype=np.int64).reshape(-1, 3).T
    return ScoredUnits(
        times=columns[0] * HOUR_US,
        entities=columns[1],
        scores=columns[2] / 12,
        span=timedelta(days=days),
    )


@given(hits, rules)
def test_openings_are_those_of_the_shared_definition(
    given: list[tuple[int, int, int]], rule: Suppression
) -> None:
    u = units(given)
    opener = opened_by(u.times, u.entities, rule)
    expected = np.flatnonzero(opener == np.arange(len(opener)))
    np.testing.assert_array_equal(openings(u.times, u.entities, rule), expected)


@given(hits, rules, st.floats(0.1, 20))
def test_the_threshold_is_the_lowest_score_that_keeps_the_budget(
    given: list[tuple[int, int, int]], rule: Suppression, budget: float
) -> None:
    u = units(given)
    found = fit_threshold(u, budget, rule)

    def rate(threshold: float) -> float:
        return len(u.alerts(threshold, rule)) / 3

    assert found.alerts_per_day == pytest.approx(rate(found.value))
    assert rate(found.value) <= budget
    lower = [score for score in np.unique(u.scores) if score < found.value]
    assert all(rate(score) > budget for score in lower)
    assert found.next_lower == (max(lower) if lower else None)


def test_quiet_days_count_as_days() -> None:
    rule = Suppression(per_entity=9, throttle=timedelta(0))
    two_hits = [(1, 0, 12), (2, 1, 6)]
    assert fit_threshold(units(two_hits, days=1), 1, rule).value == 1.0
    assert fit_threshold(units(two_hits, days=2), 1, rule).value == 0.5


def test_a_score_shared_by_too_many_raises_nothing_and_says_so() -> None:
    rule = Suppression(per_entity=9, throttle=timedelta(0))
    found = fit_threshold(units([(h, -1, 6) for h in range(72)]), 5, rule)
    assert (found.silent, found.alerts_per_day, found.next_lower) == (True, 0.0, 0.5)
    assert found.value > 0.5


def test_without_units_nothing_alerts() -> None:
    rule = Suppression(per_entity=3, throttle=timedelta(0))
    assert fit_threshold(units([]), 5, rule).value == 1.0


def test_the_cap_leaves_room_for_other_entities() -> None:
    """A noisy entity uses its cap, not the whole budget."""
    noisy = [(h, 0, 12) for h in range(72)]
    quiet = sorted([*noisy, (5, 1, 6), (30, 2, 6)])
    rule = Suppression(per_entity=2, throttle=timedelta(0))
    assert fit_threshold(units(quiet), 3, rule).value == 0.5


scores = st.floats(0, 1)


@given(scores, st.lists(scores, min_size=2, max_size=20))
def test_risk_rises_with_score_from_0_to_100(least: float, asked: list[float]) -> None:
    risk = RiskMap.of(least)
    assert all(a < b for a, b in zip(risk.log_odds, risk.log_odds[1:], strict=False))
    assert all(a < b for a, b in zip(risk.risks, risk.risks[1:], strict=False))
    risks = risk(np.sort(np.array(asked)))
    assert (np.diff(risks) >= 0).all()
    assert risk(np.array([0.0, 1.0])).tolist() == [0.0, 100.0]


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), scores)
def test_a_higher_score_has_a_higher_risk(a: float, b: float, least: float) -> None:
    low, high = sorted((a, b))
    risk = RiskMap.of(least)(np.array([low, high]))
    assert risk[1] > risk[0] or high - low < 1e-9


@given(st.floats(0.001, 0.25))
def test_what_is_just_worth_a_look_is_medium_and_what_is_true_every_other_time_is_high(
    least: float,
) -> None:
    risk = RiskMap.of(least)
    shown = risk(np.array([least, 0.5]))
    np.testing.assert_allclose(shown, [RISK_AT_THRESHOLD, RISK_AT_HIGH], atol=1e-6)
    assert risk(np.array([1e-5]))[0] < RISK_AT_THRESHOLD


def test_a_score_that_is_hardly_ever_true_is_no_risk_on_the_quietest_day() -> None:
    assert RiskMap.of(0.05)(np.array([0.00001]))[0] < 20


def test_no_threshold_lies_below_the_floor_and_what_it_gives_up_is_counted() -> None:
    quiet = units([(h, h, 5) for h in range(48)])
    rule = Suppression(per_entity=3, throttle=timedelta(0))
    free, floored = fit_threshold(quiet, 100, rule), fit_threshold(quiet, 100, rule, floor=0.9)
    assert free.alerts_per_day > 0
    assert (floored.value, floored.alerts_per_day) == (0.9, 0.0)


@given(st.lists(scores, max_size=50), st.floats(0, 1), scores)
def test_every_alert_is_kept(seen: list[float], top: float, threshold: float) -> None:
    floor = keep_floor(np.array(seen), top, threshold)
    assert 0 <= floor <= threshold
    kept = (np.array(seen) >= floor).sum()
    assert kept >= np.floor(top * len(seen))


def test_to_keep_all_is_to_keep_what_is_lower_than_any_score_so_far() -> None:
    assert keep_floor(np.array([0.4, 0.9]), 1.0, 0.8) == 0.0
    assert keep_floor(np.array([]), 1.0, 0.8) == 0.0
