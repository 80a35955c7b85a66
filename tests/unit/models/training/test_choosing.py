"""Which candidate earns its place, at an equal number of alerts, and when none does."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.contest import Contest, dealt
from scoreback.models.judging.equal_volume import best_units, volume
from scoreback.models.judging.evaluation import Replay, evaluate
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.labels.truths import FALSE_POSITIVE, TRUE_POSITIVE
from scoreback.models.training.candidates import BASELINE
from scoreback.models.training.choosing import Choice, choose
from scoreback.models.training.leaks import Leak
from scoreback.models.training.plain_rule import PlainRule
from scoreback.suppression import DAY_US, Suppression

RULE = Suppression(per_entity=3, throttle=timedelta(hours=1))
UNITS, DAYS = 1200, 12

Scores = NDArray[np.float64]
MakeDetector = Callable[..., Detector]


@pytest.fixture
def truth() -> NDArray[np.int8]:
    return (np.random.default_rng(1).random(UNITS) < 0.06).astype(np.int8)


def noisy(truth: NDArray[np.int8], noise: float, seed: int) -> Scores:
    """Scores that tell the truth, drowned in *noise*."""
    return truth + noise * np.random.default_rng(seed).normal(size=len(truth))


def chosen_from(
    detector: Detector, truth: NDArray[np.int8], leaks: Sequence[Leak] = (), /, **scores: Scores
) -> Choice:
    budget = detector.alerts.budget
    times = np.linspace(0, DAYS * DAY_US - 1, len(truth)).astype(np.int64)
    said = {
        name: [
            Replay(
                after=ScoredUnits(
                    times=times, entities=np.arange(len(truth)) % 300, scores=own,
                    span=timedelta(days=DAYS),
                ),
                truth=truth,
                verdicts=np.where(truth == 1, TRUE_POSITIVE, FALSE_POSITIVE).astype(np.int8),
            )
        ]
        for name, own in scores.items()
    }  # fmt: skip
    shown = {
        name: [best_units(r.after, volume(budget, DAYS), RULE, seed=7) for r in parts]
        for name, parts in said.items()
    }
    evaluations = [
        evaluate(name, parts, budget=budget, rule=RULE, seed=7) for name, parts in said.items()
    ]
    chance = {name: dealt(said[name], shown[name], 7) for name in said}
    own = said[BASELINE][0]
    whole = best_units(own.after, volume(budget, DAYS), RULE, seed=7, whole=True)
    rule = PlainRule(
        words="size >= 3",
        alerts=len(whole.opened),
        true_alerts=int((truth[whole.opened] == 1).sum()),
        against={
            name: int(truth[best_units(r.after, len(whole.opened), RULE, seed=7).opened].sum())
            for name, (r,) in said.items()
        },
    )
    rules = {BASELINE: rule}
    return choose(detector, evaluations, Contest.of(said, shown, 7), chance, rules, leaks)


def test_what_finds_more_at_the_same_number_of_alerts_wins(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    found = chosen_from(
        make_detector(), truth, xgboost=noisy(truth, 0.2, 2), random_forest=noisy(truth, 0.6, 3),
        **{BASELINE: noisy(truth, 2.0, 4)},
    )  # fmt: skip
    assert found == Choice(chosen="xgboost", equals=(), finds_more=True, ahead_of=(BASELINE,))


def test_scores_that_are_surer_of_everything_earn_nothing(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    """Thresholds have no say: only the order counts."""
    forest, trees = noisy(truth, 0.3, 3), noisy(truth, 0.3, 2)
    single = {BASELINE: noisy(truth, 2.0, 4)}
    modest = chosen_from(make_detector(), truth, xgboost=trees, random_forest=forest, **single)
    loud = chosen_from(
        make_detector(), truth, xgboost=trees * 50 + 40, random_forest=forest, **single
    )
    assert loud == modest


def test_where_nothing_tells_candidates_apart_the_robust_one_is_kept(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    """The forest ranks a trifle worse here."""
    trees = noisy(truth, 0.3, 2)
    found = chosen_from(
        make_detector(), truth, xgboost=trees, random_forest=trees + noisy(truth * 0, 0.05, 3),
        logistic_regression=trees + noisy(truth * 0, 0.02, 5), **{BASELINE: noisy(truth, 2.0, 4)},
    )  # fmt: skip
    assert found.chosen == "random_forest"
    assert found.equals == ("xgboost", "logistic_regression")


def test_a_plain_rule_that_finds_as_many_is_shown_instead_of_a_model(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    rule = noisy(truth, 0.5, 2)
    with pytest.raises(TrainingRefused, match="does not beat the best single feature") as caught:
        chosen_from(
            make_detector(), truth, xgboost=rule + noisy(truth * 0, 0.1, 3), **{BASELINE: rule}
        )
    assert "true alerts at the same number of alerts" in str(caught.value)
    assert "may be chance alone" in str(caught.value)
    assert "size >= 3" in str(caught.value.hint)
    keep = {"algorithms": ["xgboost"], "accept": {"equal_to_rule": True}}
    model = rule + noisy(truth * 0, 0.1, 3)
    kept = chosen_from(make_detector(train=keep), truth, xgboost=model, **{BASELINE: rule})
    assert (kept.chosen, kept.finds_more) == ("xgboost", False)


def test_fewer_true_alerts_than_a_plain_rule_are_refused_however_well_the_rest_is_ranked(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    """Eleven of forty-two against fourteen is chance, but no reason to keep the model."""
    rule, model = noisy(truth, 2.0, 4), noisy(truth, 0.4, 2)
    hits = np.flatnonzero(truth)
    rule[hits[:45]] = 50  # what the rule knows it knows at once
    model[np.flatnonzero(truth == 0)[:20]] = 50
    with pytest.raises(TrainingRefused, match="does not beat the best single feature"):
        chosen_from(make_detector(), truth, xgboost=model, **{BASELINE: rule})


def test_a_coarse_rule_is_matched_at_its_own_number_of_alerts(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    """It says yes to forty and nothing of the rest, which the budget fills up by chance."""
    hits, misses = np.flatnonzero(truth), np.flatnonzero(truth == 0)
    rule, model = np.zeros(UNITS), noisy(truth, 0.4, 2)
    rule[np.concatenate([hits[:25], misses[:15]])] = 1
    model[misses[-20:]] = 50
    with pytest.raises(TrainingRefused, match=r"against 25 true .* of alerts, 40"):
        chosen_from(make_detector(), truth, xgboost=model, **{BASELINE: rule})


def test_a_rule_whose_alerts_are_all_true_leaves_the_choice_to_the_whole_ranking(
    make_detector: MakeDetector,
) -> None:
    truth = (np.random.default_rng(1).random(UNITS) < 0.3).astype(np.int8)
    rule = noisy(truth, 2.0, 4)
    rule[np.flatnonzero(truth)[:80]] = 50
    found = chosen_from(make_detector(), truth, xgboost=noisy(truth, 0.2, 2), **{BASELINE: rule})
    assert found == Choice(chosen="xgboost", equals=(), finds_more=False)


def test_a_leak_is_named_before_a_rule_is_made_of_it(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    leak = Leak(feature="closed.by", what="is there", cases=40, positives=40)
    rule = noisy(truth, 0.5, 2)
    with pytest.raises(TrainingRefused) as caught:
        chosen_from(make_detector(), truth, [leak], xgboost=rule, **{BASELINE: rule})
    assert "know the answer: closed.by is there (40 of 40 positive)" in str(caught.value.hint)


@pytest.mark.parametrize("seed", range(12))
def test_a_ranking_that_knows_nothing_is_not_told_apart_from_chance(
    make_detector: MakeDetector, truth: NDArray[np.int8], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    with pytest.raises(TrainingRefused, match=r"not told apart from chance|does not beat"):
        chosen_from(
            make_detector(), truth, xgboost=draw.normal(size=UNITS),
            random_forest=draw.normal(size=UNITS), **{BASELINE: draw.normal(size=UNITS)},
        )  # fmt: skip


def test_every_score_equal_is_not_told_apart_from_chance(
    make_detector: MakeDetector, truth: NDArray[np.int8]
) -> None:
    alike = np.zeros(UNITS)
    with pytest.raises(TrainingRefused, match="not told apart from chance"):
        chosen_from(make_detector(), truth, xgboost=alike, **{BASELINE: alike})


def test_fewer_than_one_true_alert_in_fifty_needs_a_word_in_the_file(
    make_detector: MakeDetector,
) -> None:
    truth = np.zeros(60_000, dtype=np.int8)
    truth[::2000] = 1  # thirty
    model = np.random.default_rng(2).random(60_000)
    model[np.flatnonzero(truth)] += 0.9994
    budget = {"budget": "200/day"}
    scores = {"xgboost": model, BASELINE: np.random.default_rng(3).random(60_000)}
    with pytest.raises(TrainingRefused, match="fewer than 2%") as caught:
        chosen_from(make_detector(alerts=budget), truth, **scores)
    assert "train: {accept: {precision: 1.2%}}" in str(caught.value.hint)
    accepted = {"algorithms": ["xgboost"], "accept": {"precision": "1%"}}
    found = chosen_from(make_detector(alerts=budget, train=accepted), truth, **scores)
    assert found.chosen == "xgboost"
