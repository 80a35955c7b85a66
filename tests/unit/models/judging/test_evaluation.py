"""Precision at budget on hand-made alerts, each number worked out on paper."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.judging.evaluation import (
    AtBudget,
    Replay,
    at_budget,
    evaluate,
)
from scoreback.models.judging.intervals import (
    CONFIDENCE,
    days_to_come,
    drawn_interval,
    precision_interval,
)
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.labels.truths import (
    BENIGN_POSITIVE,
    FALSE_POSITIVE,
    NO_VERDICT,
    TRUE_POSITIVE,
)
from scoreback.suppression import DAY_US, Suppression

HOUR_US = 3_600_000_000
RULE = Suppression(per_entity=3, throttle=timedelta(hours=1))
TRUTH = {TRUE_POSITIVE: 1, BENIGN_POSITIVE: 0, FALSE_POSITIVE: 0, NO_VERDICT: -1}

Unit = tuple[float, int, float, int]  # hour, entity, score, verdict


def scored(given: list[Unit], days: int) -> ScoredUnits:
    return ScoredUnits(
        times=np.array([int(u[0] * HOUR_US) for u in given], dtype=np.int64),
        entities=np.array([u[1] for u in given], dtype=np.int64),
        scores=np.array([u[2] for u in given], dtype=np.float64),
        span=timedelta(days=days),
    )


def replay(after: list[Unit], *, days: int = 2) -> Replay:
    verdicts = np.array([u[3] for u in after], dtype=np.int8)
    return Replay(
        after=scored(after, days),
        truth=np.array([TRUTH[v] for v in verdicts], dtype=np.int8),
        verdicts=verdicts,
    )


def judged(after: list[Unit], budget: float = 2.5, **keys: int) -> AtBudget:
    return at_budget([replay(after, **keys)], budget, RULE, seed=1)


CASE: list[Unit] = [
    (1.0, 0, 0.9, TRUE_POSITIVE),  # opens a true alert
    (1.5, 0, 0.9, TRUE_POSITIVE),  # joins it
    (5.0, 1, 0.8, FALSE_POSITIVE),
    (6.5, 1, 0.8, BENIGN_POSITIVE),
    (9.0, 2, 0.7, NO_VERDICT),
    (10.0, 3, 0.1, TRUE_POSITIVE),  # missed
    (30.0, 0, 0.9, TRUE_POSITIVE),  # a day after: another incident
]  # fmt: skip


def test_alerts_are_counted_after_cap_and_throttle_and_true_by_what_opened_them() -> None:
    found = judged(CASE)
    assert (found.alerts, found.true_alerts, found.alerts_per_day) == (5, 2, 2.5)
    assert found.precision == pytest.approx(2 / 5)
    assert (found.days_over_budget, found.busiest_day) == (1, 4)


def test_precision_is_told_three_ways_and_benign_both_ways() -> None:
    found = judged(CASE)
    assert found.precision_labelled == pytest.approx(2 / 4)
    assert found.coverage == pytest.approx(4 / 5)
    assert found.precision_benign_true == pytest.approx(3 / 5)
    assert found.precision_benign_false == pytest.approx(2 / 5)


def test_recall_and_incidents_count_cases_and_not_events() -> None:
    found = judged(CASE)
    assert found.positives == 4
    assert found.recall == pytest.approx(3 / 4)
    assert (found.incidents, found.incidents_found) == (3, 2)
    assert found.median_hours_to_alert == 0.0


def test_the_wait_runs_from_the_first_event_of_the_incident() -> None:
    missed, raised = (1, 0, 0.1, TRUE_POSITIVE), (4, 0, 0.9, TRUE_POSITIVE)
    found = judged([missed, raised], budget=0.5)
    assert (found.alerts, found.incidents, found.median_hours_to_alert) == (1, 1, 3.0)


def test_absent_entities_are_incidents_of_their_own() -> None:
    found = judged([(1, -1, 0.9, TRUE_POSITIVE), (1.1, -1, 0.9, TRUE_POSITIVE)])
    assert (found.alerts, found.incidents, found.incidents_found) == (2, 2, 2)


def test_a_block_without_units_divides_by_nothing() -> None:
    found = judged([])
    assert (found.alerts, found.precision, found.precision_low, found.recall) == (
        0,
        None,
        None,
        None,
    )


def test_every_candidate_shows_the_same_number_of_alerts_whatever_its_scores() -> None:
    """A score that is sure of everything earns nothing by showing more."""
    kinds = [FALSE_POSITIVE, TRUE_POSITIVE]
    loud: list[Unit] = [(float(h), h, 0.9 + h / 1000, kinds[h % 2]) for h in range(20)]
    quiet: list[Unit] = [(h, e, score / 100, kind) for h, e, score, kind in loud]
    for units in (loud, quiet):
        found = evaluate("x", [replay(units, days=2)], budget=2.0, rule=RULE, seed=1)
        assert (found.at_budget.alerts, found.true_alerts_within_budget) == (4, 2)


def test_a_score_that_many_units_share_shows_some_of_them_by_chance() -> None:
    tied: list[Unit] = [
        (float(h), h, 1.0, [FALSE_POSITIVE, TRUE_POSITIVE][h % 2]) for h in range(20)
    ]
    found = [
        evaluate("x", [replay(tied, days=1)], budget=5.0, rule=RULE, seed=seed)
        for seed in range(40)
    ]
    assert {f.at_budget.alerts for f in found} == {5}
    assert 2 < np.mean([f.true_alerts_within_budget for f in found]) < 3
    assert len({f.true_alerts_within_budget for f in found}) > 1


def test_alerts_that_are_all_alike_have_an_interval_all_the_same() -> None:
    """Drawing them anew shows nothing; there are only three of them."""
    found = judged([(float(h), h, 0.9, TRUE_POSITIVE) for h in range(3)])
    assert found.drawn_width == 0
    assert found.precision_low is not None
    assert found.precision_low < 0.6
    assert found.precision_high == 1.0


@pytest.mark.parametrize(("judged", "later"), [(14, 7), (7, 7), (60, 7), (4, 4)])
def test_the_interval_holds_what_days_to_come_bring_where_nothing_changed(
    judged: int, later: int
) -> None:
    """Days differ: on some half of the alerts are true, on others a tenth."""
    draw = np.random.default_rng(7)
    held: list[bool] = []
    mean_alone: list[bool] = []
    for seed in range(150):
        rates = draw.choice([0.1, 0.3, 0.5], judged + later)
        truth = draw.random((judged + later, 10)) < rates[:, None]
        now, came = truth[:judged].ravel(), truth[judged:].mean()
        days, nobody = np.repeat(np.arange(judged), 10), np.full(judged * 10, -1)
        drawn = drawn_interval(now, days, nobody, seed)
        ahead, mean = days_to_come(now, drawn, float(judged)), precision_interval(now, drawn)
        for found, (low, high) in ((held, ahead), (mean_alone, mean)):
            found.append(low is not None and high is not None and low <= came <= high)
    assert np.mean(held) >= CONFIDENCE > np.mean(mean_alone)


def test_a_rare_truth_that_a_week_may_well_not_show_is_promised_from_nothing() -> None:
    """Three in a hundred of 225 alerts: of the 35 of a week every third time none is true."""
    truth = np.arange(225) % 32 == 0
    days, nobody = np.arange(225) // 5, np.full(225, -1)
    low, high = days_to_come(truth, drawn_interval(truth, days, nobody, 1), 45.0)
    assert low == 0.0
    assert high is not None
    assert high < 0.15


def test_average_precision_never_ranks_scores_of_different_models_together() -> None:
    low: list[Unit] = [(1, 0, 0.2, TRUE_POSITIVE), (2, 1, 0.1, FALSE_POSITIVE)]
    high: list[Unit] = [(1, 0, 0.9, TRUE_POSITIVE), (2, 1, 0.8, FALSE_POSITIVE)]
    found = evaluate("x", [replay(low), replay(high)], budget=1.0, rule=RULE, seed=1)
    assert found.average_precision == 1.0


@given(st.integers(0, 1000), st.integers(1, 60))
@settings(max_examples=15)
def test_the_intervals_hold_precision_and_recall_and_are_the_same_for_the_same_seed(
    seed: int, count: int
) -> None:
    draw = np.random.default_rng(seed)
    kinds = draw.choice([TRUE_POSITIVE, FALSE_POSITIVE], count)
    hours = np.sort(draw.random(count) * 240)
    units = [
        (float(h), int(e), 0.9, int(v))
        for h, e, v in zip(hours, draw.integers(0, 20, count), kinds, strict=True)
    ]
    found = at_budget([replay(units, days=10)], 1.0, RULE, seed=seed)
    assert found.precision is not None
    assert found.precision_low is not None
    assert found.precision_high is not None
    assert found.precision_low <= found.precision + 1e-9
    assert found.precision_high >= found.precision - 1e-9
    assert (found.recall is None) == (found.positives == 0)
    if found.recall is not None:
        assert found.recall_low is not None
        assert found.recall_high is not None
        assert found.recall_low <= found.recall <= found.recall_high
        assert found.recall_low < found.recall_high, "few days leave something open"
    assert at_budget([replay(units, days=10)], 1.0, RULE, seed=seed) == found


def test_days_are_told_apart_across_blocks() -> None:
    assert DAY_US == 24 * HOUR_US
    blocks = [replay(CASE), replay(CASE)]
    assert at_budget(blocks, 1.0, RULE, seed=1).days == 4
