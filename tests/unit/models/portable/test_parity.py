"""A portable model says what the service says, of raw events made to be hard; and the gate sees
where one does not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.trees import TreeModel
from scoreback.models.portable.making import portable_model
from scoreback.models.portable.parity import (
    NativeScorer,
    NativeScores,
    ParityBroken,
    plain_scorer,
    require_parity,
)
from scoreback.portable.model import PortableModel, Trees, from_text
from tests.unit.models.portable.conftest import MakeArtifact


@pytest.mark.parametrize("algorithm", algorithms())
def test_ten_thousand_hard_events_score_and_alert_as_in_the_service(
    hard_artifact: MakeArtifact, algorithm: str
) -> None:
    artifact = hard_artifact(algorithm)
    model = from_text(portable_model(artifact, "v1").as_text())
    seen = require_parity(artifact, model)
    assert seen.events == 10_000
    assert seen.farthest <= 1e-6
    assert seen.ties > 5, "equal scores at the threshold are what sums in another order flip"


def test_a_model_without_trees_that_ask_has_a_score(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    leaf = Trees([0], [-1], [-1], [0], [0.0], [0], [0.5])
    found = plain_scorer(replace(model, trees=leaf, intercept=-0.5))([], 0.5, 0.0)
    assert found == NativeScores([], [])


def test_the_gate_sees_a_lost_intercept(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    assert abs(model.intercept) > 0.01
    with pytest.raises(ParityBroken, match="v1 of 'hard' was not put into the SIEM"):
        require_parity(artifact, replace(model, intercept=0.0))


def test_the_gate_sees_thresholds_in_single_precision(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    assert isinstance(artifact.model, TreeModel)
    assert model.trees is not None
    as_stored = artifact.model.nodes.threshold.astype(float).tolist()
    wrong = replace(model, trees=replace(model.trees, threshold=as_stored))
    with pytest.raises(ParityBroken, match="scores"):
        require_parity(artifact, wrong)


def _off_by_a_sign(trees: Trees) -> Trees:
    return replace(trees, missing_left=[1 - each for each in trees.missing_left])


def _swapped(trees: Trees) -> Trees:
    return replace(trees, left=trees.right, right=trees.left)


@pytest.mark.parametrize("change", [_off_by_a_sign, _swapped], ids=["missing", "swapped"])
def test_the_gate_sees_trees_that_lead_elsewhere(
    hard_artifact: MakeArtifact, change: Callable[[Trees], Trees]
) -> None:
    artifact = hard_artifact("hist_gradient_boosting")
    model = portable_model(artifact, "v1")
    assert model.trees is not None
    with pytest.raises(ParityBroken):
        require_parity(artifact, replace(model, trees=change(model.trees)))


def test_the_gate_sees_a_value_that_is_looked_up_elsewhere(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    features = [replace(f, take="first") for f in model.features]
    with pytest.raises(ParityBroken):
        require_parity(artifact, replace(model, features=features))


def _strict(native: NativeScorer) -> NativeScorer:
    """Takes an alert for what is above the threshold, not at it."""

    def score(*given: object) -> NativeScores:
        found = native(*given)  # type: ignore[arg-type]
        cut = given[2]
        assert isinstance(cut, float)
        margins = np.log(np.array(found.scores)) - np.log1p(-np.array(found.scores))
        return NativeScores(found.scores, [r for r in found.alerts if margins[r] > cut + 1e-6])

    return score


def test_the_gate_sees_an_alert_that_is_flipped_at_the_threshold(
    hard_artifact: MakeArtifact,
) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    with pytest.raises(ParityBroken, match="raises no alert at the score"):
        require_parity(artifact, model, _strict(plain_scorer(model)))


@pytest.mark.parametrize("answer", [[], [float("nan")] * 2000], ids=["none", "nan"])
def test_the_gate_sees_scores_that_are_none(
    hard_artifact: MakeArtifact, answer: list[float]
) -> None:
    artifact = hard_artifact("logistic_regression")
    model: PortableModel = portable_model(artifact, "v1")
    with pytest.raises(ParityBroken):
        require_parity(artifact, model, lambda *_given: NativeScores(answer, []))
