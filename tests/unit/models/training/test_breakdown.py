"""Cuts of the judged days add up to what the evaluation says of the whole."""

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.training.breakdown import Breakdown, Cut, Entities
from scoreback.models.training.training import Training, train

History = tuple[pa.Table, pa.Table, datetime]


@pytest.fixture(scope="module")
def training(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> Training:
    algorithms = {"algorithms": ["logistic_regression"]}
    history = make_history(seed=4, events=6000, days=40, additive=True)
    return train(make_detector(train=algorithms), *history)


def test_weeks_and_sources_add_up_to_the_whole(training: Training) -> None:
    at = training.evaluation.at_budget
    for cuts in (training.breakdown.weeks, training.breakdown.sources):
        assert len(cuts) > 1
        assert sum(cut.alerts for cut in cuts) == at.alerts
        assert sum(cut.true_alerts for cut in cuts) == at.true_alerts
        assert sum(cut.positives for cut in cuts) == at.positives
    assert [w.name for w in training.breakdown.weeks] == sorted(
        w.name for w in training.breakdown.weeks
    )


def test_entities_are_those_with_most_alerts(training: Training) -> None:
    found = training.breakdown.entities
    assert 0 < len(found) <= 10
    assert all(cut.alerts for cut in found)
    assert [c.alerts for c in found] == sorted((c.alerts for c in found), reverse=True)
    assert all(cut.name.startswith("host") for cut in found)


def test_every_cut_with_alerts_has_an_interval_around_its_precision(training: Training) -> None:
    found = training.breakdown
    for cut in (*found.weeks, *found.sources, *found.entities):
        if not cut.alerts:
            assert cut.precision_low is None
            continue
        assert cut.precision_low is not None
        assert cut.precision_high is not None
        assert cut.precision_low <= cut.true_alerts / cut.alerts <= cut.precision_high
        assert cut.precision_high - cut.precision_low > 1 / (
            cut.alerts + 3
        )  # few alerts say little


def test_all_entities_weigh_the_same_and_the_worst_is_named(training: Training) -> None:
    found, listed = training.breakdown.all_entities, training.breakdown.entities
    assert found.alerted >= len(listed)
    assert 0 <= found.found <= found.attacked
    assert found.found > 0
    assert found.mean_precision is not None
    false = {cut.name: cut.alerts - cut.true_alerts for cut in listed}
    assert found.worst_false_alerts >= max(false.values())
    assert false.get(found.worst, found.worst_false_alerts) == found.worst_false_alerts


NOBODY = Entities(
    alerted=0, mean_precision=None, worst="", worst_false_alerts=0, attacked=0, found=0
)


def cut(precision: float | None) -> Cut:
    return Cut(name="", units=1, positives=0, alerts=0, true_alerts=0, average_precision=precision)


def test_the_area_under_time_is_the_mean_height_over_weeks_with_positives() -> None:
    def area(*weeks: float | None) -> float | None:
        found = tuple(cut(week) for week in weeks)
        return Breakdown(weeks=found, sources=(), entities=(), all_entities=NOBODY).area_under_time

    assert area(1.0, 0.5, 0.0) == 0.5
    assert area(1.0, None, 0.0) == 0.5
    assert area(0.3) == 0.3
    assert area(None) is None


def test_the_macro_figure_weighs_sources_alike_and_the_worst_is_named() -> None:
    found = Breakdown(
        weeks=(), sources=(cut(0.9), cut(None), cut(0.1)), entities=(), all_entities=NOBODY
    )
    assert (found.macro_average_precision, found.worst_average_precision) == (0.5, 0.1)
    empty = Breakdown(weeks=(), sources=(), entities=(), all_entities=NOBODY)
    assert (empty.macro_average_precision, empty.worst_average_precision) == (None, None)


def test_without_a_source_there_is_no_table_of_sources(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(seed=4)
    detector = make_detector(train={"algorithms": ["logistic_regression"]})
    assert train(detector, rows.drop(["hold_out"]), labels, as_of).breakdown.sources == ()
