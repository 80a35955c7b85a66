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
    looks = {name for name, pitfall in found.items() if not pitfall.fine}
    # A block of days takes its best alerts wherever they lie, so some days hold more than others.
    assert looks <= {"base rate", "days over budget", "positives to judge by"}


def test_a_field_that_is_there_only_for_attacks_was_filled_in_afterwards(
    detector: Detector, history: History
) -> None:
    """For six attacks of ten, and now and then for a benign event."""
    rows, labels, as_of = history
    draw = np.random.default_rng(1).random(rows.num_rows)
    there = truth_of(history) & (draw < 0.6) | (draw > 0.999)
    filled = pa.array(np.where(there, 1.0, np.nan), from_pandas=True)
    spoilt = with_column(rows, "count", filled)
    found = by_name(train(detector, spoilt, labels, as_of))["filled in after the fact"]
    assert not found.fine
    assert "count is there" in found.sentence


def test_a_feature_that_alone_ranks_nearly_perfectly_may_be_the_answer(
    detector: Detector, history: History
) -> None:
    """A tenth of the rows lack it, so that alone it ranks the whole far from perfectly."""
    rows, labels, as_of = history
    draw = np.random.default_rng(2)
    told = truth_of(history) * 10.0 + draw.normal(size=rows.num_rows) * 1.5
    told[draw.random(rows.num_rows) < 0.1] = np.nan
    spoilt = with_column(rows, "count", pa.array(told, from_pandas=True))
    found = by_name(train(detector, spoilt, labels, as_of))["label in disguise"]
    assert not found.fine
    assert "count ranks nearly perfectly" in found.sentence


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
