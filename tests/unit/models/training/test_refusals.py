"""Which candidate earns its place, and when the best single feature keeps it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Evaluation, Replay, evaluate
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.training.candidates import BASELINE
from scoreback.models.training.refusals import refuse_unearned
from scoreback.suppression import Suppression

RULE = Suppression(per_entity=3, throttle=timedelta(hours=1))
NOTHING = np.zeros(0)
SILENT = ScoredUnits(
    times=NOTHING.astype(np.int64), entities=NOTHING.astype(np.int64), scores=NOTHING,
    span=timedelta(days=1),
)  # fmt: skip
BLANK = evaluate(
    "", [Replay(before=SILENT, after=SILENT, truth=NOTHING.astype(np.int8),
                verdicts=NOTHING.astype(np.int8))],
    budget=5.0, rule=RULE, seed=1,
)  # fmt: skip


def judged(**found: tuple[float, float]) -> tuple[Evaluation, ...]:
    """Evaluations by name: true alerts within the budget, average precision."""
    return tuple(
        replace(BLANK, algorithm=name, true_alerts_within_budget=true, average_precision=precision)
        for name, (true, precision) in found.items()
    )


@pytest.mark.parametrize(
    ("trees", "linear", "single", "winner"),
    [
        ((50, 0.5), (30, 0.9), (20, 0.9), "xgboost"),  # clearly more true alerts
        ((50, 0.5), (48, 0.6), (20, 0.4), "logistic_regression"),  # equals: the better ranking
        ((2, 0.998), (1, 0.9), (3, 0.988), "xgboost"),  # one alert is chance
    ],
)
def test_the_most_true_alerts_win_and_ranking_decides_between_equals(
    make_detector: Callable[..., Detector],
    trees: tuple[float, float],
    linear: tuple[float, float],
    single: tuple[float, float],
    winner: str,
) -> None:
    found = judged(xgboost=trees, logistic_regression=linear, **{BASELINE: single})
    assert refuse_unearned(make_detector(), found) == winner


@pytest.mark.parametrize(
    ("trees", "single"),
    [
        ((20, 0.9), (50, 0.5)),  # clearly fewer
        ((49, 0.5), (50, 0.6)),  # equals: the worse ranking
        ((50, 0.6), (50, 0.6)),  # the same in all: a plain rule does
        ((0, 0.0), (0, 0.0)),
    ],
)
def test_a_single_feature_that_does_as_well_refuses_the_training(
    make_detector: Callable[..., Detector],
    trees: tuple[float, float],
    single: tuple[float, float],
) -> None:
    with pytest.raises(TrainingRefused) as caught:
        refuse_unearned(make_detector(), judged(xgboost=trees, **{BASELINE: single}))
    assert f"{trees[0]:.1f} against {single[0]:.1f} true alerts within 5" in str(caught.value)
    assert f"{trees[1]:.3f} against {single[1]:.3f}" in str(caught.value)
