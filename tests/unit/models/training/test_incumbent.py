"""The new model beside the version that scores now: only on days that neither learnt from."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset
from scoreback.models.training.incumbent import Incumbent, beside
from scoreback.models.training.training import Training, train
from tests.unit.models.conftest import MakeDetector, MakeHistory


def until(artifact: Artifact, moment: datetime) -> Artifact:
    """The same model, as if it had learnt from nothing after *moment*."""
    data = artifact.manifest.data.model_copy(update={"until": moment})
    return replace(artifact, manifest=artifact.manifest.model_copy(update={"data": data}))


def test_both_are_asked_for_as_many_alerts_on_days_that_neither_had_learnt_from(
    training: Training, make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    learnt = as_of - timedelta(days=3)
    trained = train(
        make_detector(), rows.drop_columns(["hold_out"]), labels, as_of,
        incumbent=Incumbent("v1-abc", until(training.artifact, learnt)),
    )  # fmt: skip
    found = trained.beside
    assert found is not None
    assert (found.version, found.why_not) == ("v1-abc", "")
    assert f"{learnt:%Y-%m-%d}" <= found.since <= found.until <= trained.judged_days[1]
    assert found.since > trained.judged_days[0]
    assert 0 < found.days <= 3
    assert found.alerts == found.incumbent_alerts == round(5 * found.days)
    assert 0 < found.true_alerts <= found.alerts
    assert 0 < found.incumbent_true_alerts <= found.alerts
    assert found.unlabelled <= found.alerts - found.true_alerts
    # It has learnt from these very days in truth, so it cannot be behind.
    assert found.incumbent_average_precision is not None
    assert found.average_precision is not None
    assert found.incumbent_average_precision > found.average_precision
    assert not found.finds_more
    assert trained.artifact.artifact_hash == training.artifact.artifact_hash


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("gone", "cannot be read"),
        ("features", "other features"),
        ("lag", "other features"),
        ("none", "learnt from all of the judged days"),
    ],
)
def test_where_nothing_is_fair_nothing_is_claimed(
    training: Training, make_history: MakeHistory, make_detector: MakeDetector, change: str,
    why: str,
) -> None:  # fmt: skip
    detector: Detector = make_detector()
    data = Dataset.of(make_history()[0], detector)
    if change == "features":
        detector = make_detector(features=[*detector.features[1:]])
    if change == "lag":
        detector = make_detector(lag="17m")
    artifact = None if change == "gone" else training.artifact
    found = beside(detector, data, (), (), Incumbent("v1-abc", artifact))
    assert why in found.why_not
    assert found.alerts == found.incumbent_alerts == 0
