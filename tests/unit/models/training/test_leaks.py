"""A field that knows the answer is named, however many of the attacks it gives away."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, known_at
from scoreback.models.training.leaks import Leak, leaks_of

History = tuple[pa.Table, pa.Table, datetime]
MakeDetector = Callable[..., Detector]


@pytest.fixture(scope="module")
def history(make_history: Callable[..., History]) -> History:
    return make_history(seed=3)


@pytest.fixture(scope="module")
def truth(history: History) -> NDArray[np.bool_]:
    rows, labels, _ = history
    true = labels.filter(pc.equal(labels["verdict"], "true_positive"))["event_id"]
    return np.asarray(pc.is_in(rows["event_id"], value_set=true.combine_chunks()))


def found(
    detector: Detector, history: History, name: str, values: pa.Array
) -> tuple[tuple[Leak, ...], tuple[Leak, ...]]:
    rows, labels, as_of = history
    rows = rows.set_column(rows.column_names.index(name), name, values)
    data = Dataset.of(rows, detector)
    return leaks_of(data, known_at(data, labels, detector, as_of))


def test_an_honest_history_has_none(make_detector: MakeDetector, history: History) -> None:
    assert found(make_detector(), history, "entropy", history[0]["entropy"]) == ((), ())


@pytest.mark.parametrize("recall", [0.2, 0.6, 1.0])
def test_a_field_that_only_attacks_have_is_named_whatever_its_recall(
    make_detector: MakeDetector, history: History, truth: NDArray[np.bool_], recall: float
) -> None:
    there = truth & (np.random.default_rng(1).random(len(truth)) < recall)
    values = pa.array(np.where(there, 1.0, np.nan), from_pandas=True)
    by_presence, by_value = found(make_detector(), history, "entropy", values)
    assert [(leak.feature, leak.what) for leak in by_presence] == [("entropy", "is there")]
    assert by_value == ()


def test_a_value_of_a_category_that_is_nearly_always_an_attack_is_named(
    make_detector: MakeDetector, history: History, truth: NDArray[np.bool_]
) -> None:
    draw = np.random.default_rng(1).random(len(truth))
    told = np.where(truth & (draw < 0.3), "tagged", history[0]["rule.id"].to_numpy())
    _, (leak,) = found(make_detector(), history, "rule.id", pa.array(told))
    assert (leak.feature, leak.what) == ("rule.id", "is 'tagged'")
    assert leak.positives == leak.cases


@pytest.mark.parametrize("lacking", [0.0, 0.1])
def test_a_number_that_is_the_answer_is_named_also_where_a_tenth_of_rows_lack_it(
    make_detector: MakeDetector, history: History, truth: NDArray[np.bool_], lacking: float
) -> None:
    draw = np.random.default_rng(2)
    lost = draw.random(len(truth)) < lacking
    for values, what in (
        (truth * 1.0, "is 1"),
        (truth * 10.0 + draw.normal(size=len(truth)), "ranks nearly perfectly where it is there"),
    ):
        answer = pa.array(np.where(lost, np.nan, values), from_pandas=True)
        _, by_value = found(make_detector(), history, "entropy", answer)
        assert ("entropy", what) in [(leak.feature, leak.what) for leak in by_value]


def test_few_cases_give_nothing_away(
    make_detector: MakeDetector, history: History, truth: NDArray[np.bool_]
) -> None:
    there = np.zeros(len(truth), dtype=bool)
    there[np.flatnonzero(truth)[:19]] = True
    values = pa.array(np.where(there, 1.0, np.nan), from_pandas=True)
    assert found(make_detector(), history, "entropy", values)[0] == ()


def test_where_nearly_all_rows_are_positive_no_value_is_named_for_being_so(
    make_detector: MakeDetector, history: History
) -> None:
    rows, labels, as_of = history
    most = np.random.default_rng(1).random(len(labels)) < 0.96
    verdicts = pa.array(np.where(most, "true_positive", "false_positive"))
    place = labels.schema.get_field_index("verdict")
    mostly = rows, labels.set_column(place, labels.schema.field(place), verdicts), as_of
    assert found(make_detector(), mostly, "entropy", rows["entropy"]) == ((), ())
