"""The best single feature as a rule: in words that a SIEM can run, with its own figures."""

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import Training, train

History = tuple[pa.Table, pa.Table, datetime]


def test_a_number_is_a_limit_and_shows_what_the_feature_shows(training: Training) -> None:
    rule, at = training.plain_rule, training.baseline.at_budget
    assert rule.words.startswith("network.bytes >= ")
    assert (rule.alerts, rule.true_alerts) == (at.alerts, at.true_alerts)  # no value comes twice
    assert rule.against[training.chosen] == training.evaluation.at_budget.true_alerts
    assert set(rule.against) == {"xgboost", "logistic_regression"}


@pytest.mark.parametrize(("low", "sign"), [(False, ">="), (True, "<=")])
def test_a_low_number_may_be_the_suspicious_one(
    make_history: Callable[..., History],
    make_detector: Callable[..., Detector],
    low: bool,
    sign: str,
) -> None:
    rows, labels, as_of = make_history(additive=True)
    if low:
        place = rows.column_names.index("network.bytes")
        rows = rows.set_column(place, "network.bytes", pc.negate(rows["network.bytes"]))
    feature = {"kind": "number", "field": "network.bytes", "name": "network.bytes"}
    with pytest.raises(TrainingRefused) as caught:
        train(make_detector(features=[feature]), rows, labels, as_of)
    assert f"plain rule, which needs no model: network.bytes {sign} " in str(caught.value.hint)


def test_a_category_is_its_values(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(additive=True)
    volume = pc.fill_null(rows["network.bytes"], 0.0).to_numpy()
    told = pa.array([f"r{round(v * 2)}" for v in volume])
    rows = rows.set_column(rows.column_names.index("rule.id"), "rule.id", told)
    detector = make_detector(features=[{"kind": "category", "field": "rule.id", "name": "rule.id"}])
    with pytest.raises(TrainingRefused) as caught:
        train(detector, rows, labels, as_of)
    assert "which needs no model: rule.id is 'r" in str(caught.value.hint)
