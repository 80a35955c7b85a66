"""What the report draws agrees with the figures of the training that it comes from."""

from scoreback.models.training.behaviour import RISK_STEP
from scoreback.models.training.training import Training


def test_the_distribution_holds_every_judged_positive_once(training: Training) -> None:
    found = training.behaviour.distribution
    assert sum(found.positive) == training.evaluation.at_budget.positives
    assert len(found.positive) == len(found.negative) == 100 // RISK_STEP


def test_calibration_rises_from_the_lowest_scores_to_the_highest(training: Training) -> None:
    bins = training.behaviour.calibration
    assert sum(b.true * b.units for b in bins) > 0
    assert bins[0].said < bins[-1].said
    assert bins[0].true < bins[-1].true


def test_the_model_leans_on_the_features_that_the_attacks_were_drawn_from(
    training: Training,
) -> None:
    leanings = training.behaviour.leanings
    assert {found.feature for found in leanings[:2]} == {"network.bytes", "entropy"}
    assert all((found.loss or 0.0) > 0.05 for found in leanings[:2])
    assert abs(sum(found.share for found in leanings) - 1) < 1e-6


def test_examples_are_alerts_with_reasons(training: Training) -> None:
    examples = training.behaviour.examples
    assert examples
    assert all(example.risk >= 46.9 and example.reasons for example in examples)
    assert {example.truth for example in examples} <= {"true", "false", "unlabelled"}
