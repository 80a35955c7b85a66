"""Columns and histories that no textbook has: trained soundly, or refused with the reason."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import train

History = tuple[pa.Table, pa.Table, datetime]
ALL = ["xgboost", "hist_gradient_boosting", "random_forest", "logistic_regression"]


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


@pytest.mark.parametrize(
    "column",
    [pa.nulls(900, pa.float64()), pa.array([7.0] * 900), pa.array([3.4e38, -3.4e38] * 450)],
    ids=["all missing", "constant", "huge"],
)
def test_a_column_without_sense_keeps_no_candidate_from_learning(
    make_history: Callable[..., History], make_detector: Callable[..., Detector], column: pa.Array
) -> None:
    rows, labels, as_of = make_history(seed=3, events=900)
    rows = rows.drop_columns(["hold_out"])
    detector = make_detector(train={"algorithms": ALL})
    found = train(detector, with_column(rows, "count", column), labels, as_of)
    assert {e.algorithm for e in found.evaluations} == {*ALL, "best_single_feature"}
    precisions = [e.average_precision or 0.0 for e in found.evaluations if e.algorithm in ALL[:3]]
    assert min(precisions) > 0.3


def test_ten_thousand_categories_that_say_nothing_are_not_learnt_by_heart(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(seed=3, events=12_000)
    draw = np.random.default_rng(1)
    names = pa.array([f"rule {i}" for i in draw.integers(0, 10_000, 12_000)])
    found = train(make_detector(), with_column(rows, "rule.id", names), labels, as_of)
    assert found.evaluation.average_precision is not None
    assert found.evaluation.average_precision > 0.3
    # A value that is seen seldom says nothing: of these ten thousand hardly any is remembered.
    assert len(found.artifact.manifest.vocabularies["rule.id"]) < 100


def test_one_positive_in_all_is_refused_with_the_numbers(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(seed=3)
    verdicts = ["true_positive"] + ["false_positive"] * (labels.num_rows - 1)
    one = with_column(labels, "verdict", pa.array(verdicts)).cast(labels.schema)
    with pytest.raises(TrainingRefused, match="1 positive"):
        train(make_detector(), rows, one, as_of)


def test_labels_that_contradict_each_other_leave_their_events_out_and_are_counted(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(seed=3)
    some = labels.slice(0, 200)
    other = pa.compute.if_else(
        pa.compute.equal(some["verdict"], "true_positive"), "false_positive", "true_positive"
    )
    both = pa.concat_tables([labels, with_column(some, "verdict", other).cast(labels.schema)])
    detector = make_detector(train={"algorithms": ["logistic_regression"]})
    found = train(detector, rows, both, as_of)
    assert found.counts["labels_contradicting"] == 200
    assert any("contradict" in warning for warning in found.warnings)


def test_a_history_of_one_day_is_judged_by_one_split_and_says_so(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(seed=3, days=1, label_delay=timedelta(0))
    detector = make_detector(
        labels={"verdicts": {"join": "event"}, "mature_after": "1m"},
        train={"algorithms": ["logistic_regression"]},
    )
    found = train(detector, rows, labels, as_of)
    assert any("too short to replay" in warning for warning in found.warnings)
