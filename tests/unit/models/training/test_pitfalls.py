"""Each pitfall, laid on purpose: its figure moves and it asks for a look."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.training.pitfalls import Pitfall
from scoreback.models.training.training import Training, train

History = tuple[pa.Table, pa.Table, datetime]


@pytest.fixture(scope="module")
def detector(make_detector: Callable[..., Detector]) -> Detector:
    return make_detector(train={"algorithms": ["logistic_regression"]})


@pytest.fixture(scope="module")
def history(make_history: Callable[..., History]) -> History:
    return make_history(seed=3, additive=True)


def by_name(training: Training) -> dict[str, Pitfall]:
    return {pitfall.name: pitfall for pitfall in training.pitfalls}


def truth_of(history: History) -> np.ndarray:
    rows, labels, _ = history
    true = labels.filter(pa.compute.equal(labels["verdict"], "true_positive"))["event_id"]
    return np.asarray(pa.compute.is_in(rows["event_id"], value_set=true.combine_chunks()))


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def test_an_honest_history_asks_for_no_look(
    history: History, make_detector: Callable[..., Detector]
) -> None:
    found = by_name(train(make_detector(), *history))
    assert len(found) == 6
    assert {name for name, pitfall in found.items() if not pitfall.fine} <= {"base rate"}


def test_a_field_that_is_there_only_for_attacks_was_filled_in_afterwards(
    detector: Detector, history: History
) -> None:
    rows, labels, as_of = history
    # Now and then somebody fills it in for a benign event too, and forgets an attack.
    there = truth_of(history) ^ (np.random.default_rng(1).random(rows.num_rows) < 0.002)
    filled = pa.array(np.where(there, 1.0, np.nan), from_pandas=True)
    found = by_name(train(detector, with_column(rows, "entropy", filled), labels, as_of))
    assert not found["filled in after the fact"].fine
    assert "entropy" in found["filled in after the fact"].sentence


def test_a_feature_that_alone_ranks_nearly_perfectly_may_be_the_answer(
    detector: Detector, history: History
) -> None:
    rows, labels, as_of = history
    draw = np.random.default_rng(2)
    told = truth_of(history) * 10.0 + draw.normal(size=rows.num_rows) * 2.2
    both = with_column(rows, "entropy", pa.array(told))
    both = with_column(
        both, "network.bytes", pa.array(truth_of(history) * 4.0 + draw.normal(size=rows.num_rows))
    )
    found = by_name(train(detector, both, labels, as_of))
    assert not found["label in disguise"].fine
    assert not found["one feature does it all"].fine


def test_attacks_that_repeat_learnt_rows_are_counted(detector: Detector, history: History) -> None:
    rows, labels, as_of = history
    honest = by_name(train(detector, *history))["duplicates across the split"]
    assert (honest.figure, honest.fine) == ("0%", True)
    few = rows
    for name in ("network.bytes", "entropy", "count"):
        values = pa.compute.fill_null(rows[name], 0.0).to_numpy()
        few = with_column(few, name, pa.array(np.sign(values) * (np.abs(values) > 0.7)))
    found = by_name(train(detector, few, labels, as_of))["duplicates across the split"]
    assert not found.fine
