"""Paired resamples tell candidates apart where there is a difference, and only there."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoreback.models.judging.contest import Contest, dealt
from scoreback.models.judging.equal_volume import Shown, best_units, volume
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.ranking import average_precision
from scoreback.suppression import DAY_US, Suppression

RULE = Suppression(per_entity=2, throttle=timedelta(hours=1))
Scores = NDArray[np.float64]


def replay(scores: Scores, truth: NDArray[np.int8], *, days: int = 10, hosts: int = 80) -> Replay:
    units = ScoredUnits(
        times=np.linspace(0, days * DAY_US - 1, len(scores)).astype(np.int64),
        entities=np.arange(len(scores)) % hosts - 1,
        scores=scores,
        span=timedelta(days=days),
    )
    return Replay(after=units, truth=truth, verdicts=np.zeros(len(scores), dtype=np.int8))


def shown(one: Replay, budget: float = 4.0) -> Shown:
    return best_units(one.after, volume(budget, one.after.days), RULE, seed=1)


def contest(**said: Replay) -> Contest:
    return Contest.of(
        {name: [one] for name, one in said.items()},
        {name: [shown(one)] for name, one in said.items()},
        seed=1,
    )


@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 200), budget=st.floats(0.2, 30),
    levels=st.integers(1, 50),
)  # fmt: skip
@settings(max_examples=40)
def test_the_best_units_open_as_many_alerts_as_the_budget_and_no_more(
    seed: int, count: int, budget: float, levels: int
) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, levels, count) / levels
    one = replay(scores, np.zeros(count, dtype=np.int8))
    found = shown(one, budget)
    assert len(found.opened) <= volume(budget, one.after.days)
    assert found.hits[found.opened].all()
    if not found.all_fit:
        assert scores[~found.hits].max() <= found.lowest  # nobody better is left out
        taken = int(found.hits.sum())
        assert taken >= volume(budget, one.after.days) or len(found.opened) < taken
    again = shown(one, budget)
    assert (again.opened == found.opened).all()


def test_only_the_order_of_scores_counts() -> None:
    draw = np.random.default_rng(1)
    scores, truth = draw.random(500), np.zeros(500, dtype=np.int8)
    low, high = shown(replay(scores / 1000, truth)), shown(replay(scores * 9 + 4, truth))
    assert (low.opened == high.opened).all()


def test_a_clear_difference_is_told_and_none_is_not() -> None:
    draw = np.random.default_rng(3)
    truth = (draw.random(900) < 0.08).astype(np.int8)
    sharp = replay(truth + draw.normal(size=900) * 0.3, truth)
    twin = replay(sharp.after.scores + draw.normal(size=900) * 0.02, truth)
    blunt = replay(truth + draw.normal(size=900) * 3, truth)
    found = contest(sharp=sharp, twin=twin, blunt=blunt)
    assert found.finds_more("sharp", "blunt")
    assert found.ranks_better("sharp", "blunt")
    for one, other in (("sharp", "twin"), ("twin", "sharp"), ("blunt", "sharp")):
        assert not found.finds_more(one, other)
        assert not found.ranks_better(one, other)


@pytest.mark.parametrize(("positives", "leans"), [(30, True), (90, False)])
def test_with_few_cases_to_judge_by_a_difference_that_is_not_sure_is_a_leaning(
    positives: int, leans: bool
) -> None:
    draw = np.random.default_rng(4)
    truth = np.zeros(900, dtype=np.int8)
    truth[draw.permutation(900)[:positives]] = 1
    noise = draw.normal(size=900)
    better, worse = (replay(truth + noise * n, truth) for n in (0.5, 0.55))
    found = contest(better=better, worse=worse)
    assert found.positive_cases == positives
    assert found.leans_to("better", "worse") is leans
    assert not found.leans_to("worse", "better")


def test_one_attack_of_many_events_on_one_host_is_one_case() -> None:
    """Sixty events of one host's day: whoever ranks them first has found one thing."""
    truth = np.zeros(600, dtype=np.int8)
    truth[:60] = 1
    draw = np.random.default_rng(3)
    times = np.arange(600) * 1000
    entities = np.where(np.arange(600) < 60, 0, np.arange(600))

    def said(scores: Scores) -> Replay:
        units = ScoredUnits(times=times, entities=entities, scores=scores, span=timedelta(days=1))
        return Replay(after=units, truth=truth, verdicts=np.zeros(600, dtype=np.int8))

    found = contest(good=said(truth + draw.random(600) * 0.5), bad=said(draw.random(600)))
    assert not found.ranks_better("good", "bad")


def test_a_flood_of_one_host_does_not_outweigh_all_others() -> None:
    """Both rank the flood first; only one knows the forty other attacks."""
    truth = np.zeros(6000, dtype=np.int8)
    truth[:5000] = 1
    truth[5000:5040] = 1
    flood = np.arange(6000) < 5000
    times = np.where(flood, np.arange(6000) * 1000, np.arange(6000) * 60_000_000)
    entities = np.where(flood, 0, np.arange(6000))
    draw = np.random.default_rng(3)

    def said(knows: bool) -> Replay:
        scores = flood * 5 + draw.random(6000) + 2 * knows * (truth == 1)
        after = ScoredUnits(times=times, entities=entities, scores=scores, span=timedelta(days=5))
        return Replay(after=after, truth=truth, verdicts=np.zeros(6000, dtype=np.int8))

    found = contest(knows=said(True), blind=said(False))
    assert found.ranks_better("knows", "blind")
    assert found.ranking["blind"] < 0.3 < 0.9 < found.ranking["knows"]


def test_a_resample_of_everything_once_is_average_precision_itself() -> None:
    draw = np.random.default_rng(5)
    truth = (draw.random(400) < 0.2).astype(np.int8)
    scores = np.round(draw.random(400), 1)
    scores[:30] = -np.inf  # a queue without a number
    found = contest(one=replay(scores, truth))
    middle = float(np.median(found.average_precision["one"]))
    assert middle == pytest.approx(average_precision(truth, scores), abs=0.03)


def test_labels_dealt_at_random_seldom_give_more_than_chance_is_said_to_give() -> None:
    draw = np.random.default_rng(2)
    truth = (draw.random(800) < 0.05).astype(np.int8)
    truth[draw.random(800) < 0.2] = UNKNOWN
    scores = draw.random(800)
    one = replay(scores, truth)
    chance = dealt([one], [shown(one)], seed=1)
    beyond = 0
    for seed in range(200):
        mixed = truth.copy()
        labelled = np.flatnonzero(truth != UNKNOWN)
        mixed[labelled] = np.random.default_rng(seed).permutation(truth[labelled])
        true = int((mixed[shown(one).opened] == 1).sum())
        known = mixed != UNKNOWN
        precision = average_precision(mixed[known], scores[known])
        assert chance.average_precision is not None
        beyond += true > chance.true_alerts or precision > chance.average_precision
    assert beyond <= 10


def test_where_every_unit_is_shown_true_alerts_tell_nothing_of_chance() -> None:
    truth = np.array([1, 0] * 10, dtype=np.int8)
    one = replay(np.arange(20.0), truth)
    chance = dealt([one], [shown(one, 1000)], seed=1)
    assert not chance.tells


def test_more_units_than_are_drawn_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    truth = (draw.random(3000) < 0.04).astype(np.int8)
    sharp = replay(truth + draw.normal(size=3000) * 0.4, truth)
    blunt = replay(truth + draw.normal(size=3000) * 2, truth)
    whole = contest(sharp=sharp, blunt=blunt)
    monkeypatch.setattr("scoreback.models.judging.contest._LEAST_RANKED", 400)
    part = contest(sharp=sharp, blunt=blunt)
    assert part.ranks_better("sharp", "blunt")
    assert whole.ranks_better("sharp", "blunt")
    assert np.median(part.average_precision["sharp"]) == pytest.approx(
        np.median(whole.average_precision["sharp"]), abs=0.02
    )
