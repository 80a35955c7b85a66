"""Histories that a team would rather not have: trained truthfully, or refused with numbers."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import Training, train
from scoreback.records import TIME

History = tuple[pa.Table, pa.Table, datetime]
MakeHistory = Callable[..., History]
MakeDetector = Callable[..., Detector]


@pytest.fixture(scope="module")
def detector(make_detector: MakeDetector) -> Detector:
    return make_detector(train={"algorithms": ["logistic_regression"]})


def changed(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values)


def trained(detector: Detector, history: History) -> Training:
    rows, labels, as_of = history
    return train(detector, rows.drop_columns(["hold_out"]), labels, as_of)


def positives(history: History) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(history[1]["verdict"], "true_positive").to_numpy())


@pytest.mark.parametrize("seed", range(6))
def test_shuffled_labels_are_refused(
    detector: Detector, make_history: MakeHistory, seed: int
) -> None:
    rows, labels, as_of = make_history(seed=seed, events=2000, additive=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = changed(labels, "verdict", labels["verdict"].take(order).combine_chunks())
    with pytest.raises(TrainingRefused, match="chance"):
        trained(detector, (rows, shuffled, as_of))


def test_a_fifth_of_labels_flipped_costs_less_than_half_of_what_is_told_apart(
    detector: Detector, make_history: MakeHistory
) -> None:
    """Judged by the true labels, which a team would not have."""
    history = make_history(additive=True)
    rows, labels, as_of = history
    positive, draw = positives(history), np.random.default_rng(3)
    wrong = draw.random(len(labels)) < 0.2
    flipped = np.where(positive ^ wrong, "true_positive", "false_positive")
    whole = trained(detector, history)
    noisy = trained(detector, (rows, changed(labels, "verdict", pa.array(flipped)), as_of))
    # Of alerts that are true, a fifth is called false; of the others a fifth is called true.
    told, clean = noisy.evaluation.at_budget.precision, whole.evaluation.at_budget.precision
    assert told is not None
    assert clean is not None
    assert (told - 0.2) / 0.6 > clean / 2


def test_thirty_positives_in_all_are_enough_for_a_clear_signal_and_say_that_they_are_few(
    detector: Detector, make_history: MakeHistory
) -> None:
    history = make_history(additive=True)
    rows, labels, as_of = history
    where = pc.index_in(labels["event_id"], value_set=rows["event_id"]).to_numpy()
    plain = pc.fill_null(rows["network.bytes"], -9.0).to_numpy() + rows["entropy"].to_numpy()
    true = np.flatnonzero(positives(history))
    kept = true[np.argsort(-plain[where[true]])[30:]]  # all but the clearest
    others = pc.invert(pc.is_in(rows["event_id"], value_set=labels["event_id"].take(kept)))
    found = trained(detector, (rows.filter(others), labels, as_of))
    (few_positives,) = [p for p in found.pitfalls if p.name == "positives to judge by"]
    assert not few_positives.fine
    assert found.evaluation.at_budget.positives < 15


def test_one_positive_in_ten_thousand_is_refused_where_so_few_alerts_would_be_true(
    make_detector: MakeDetector, make_labels: Callable[..., pa.Table]
) -> None:
    draw = np.random.default_rng(1)
    count, days = 220_000, 20
    begin = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
    times = np.sort(draw.integers(0, days * 86_400_000_000, count)) + 1_772_323_200_000_000
    true = np.zeros(count, dtype=bool)
    true[draw.permutation(count)[:22]] = True
    first, second = (draw.normal(size=count) + 3.2 * true for _ in range(2))
    rows = pa.table(
        {
            "event_id": pa.array(np.arange(count).astype(str)),
            "event_time": pa.array(times).cast(TIME),
            "arrival_time": pa.array(times).cast(TIME),
            "entity": pa.array([f"host{i}" for i in draw.integers(0, 300, count)]),
            "one": first,
            "two": second,
        }
    )
    keys = {
        "features": [
            {"kind": "number", "field": name, "name": name} for name in ("one", "two")
        ],
        "labels": {
            "verdicts": {"join": "event"}, "mature_after": "0s", "unlabelled": "presumed_benign",
        },
        "train": {"algorithms": ["logistic_regression"]},
    }  # fmt: skip
    ids, told = (rows[name].filter(pa.array(true)) for name in ("event_id", "event_time"))
    labels = make_labels(ids.to_pylist(), ["true_positive"] * 22, told.combine_chunks())
    as_of = begin + timedelta(days=days)
    with pytest.raises(TrainingRefused, match=r"of 1400 alerts, 0\..%.* fewer than 2%"):
        train(make_detector(**keys, alerts={"budget": "200/day"}), rows, labels, as_of)


def test_every_score_equal_is_refused(
    make_detector: MakeDetector, make_history: MakeHistory
) -> None:
    rows, labels, as_of = make_history(additive=True)
    for name in ("network.bytes", "entropy", "count"):
        rows = changed(rows, name, pa.array(np.ones(rows.num_rows)))
    # Only what hides the answer tells two rows apart: equal rows of a day would count once.
    order = np.random.default_rng(1).permutation(rows.num_rows)
    rows = changed(rows, "rule.id", pa.array([f"r{i}" for i in order]))
    detector = make_detector(train={"algorithms": ["xgboost", "random_forest"]})
    with pytest.raises(TrainingRefused, match=r"chance|does not beat"):
        trained(detector, (rows, labels, as_of))


def test_a_category_whose_every_value_is_new_on_the_judged_days_leaves_the_rest_to_decide(
    detector: Detector, make_history: MakeHistory
) -> None:
    rows, labels, as_of = make_history(additive=True)
    new = pc.greater(rows["event_time"], pa.scalar(as_of - timedelta(days=8), TIME))
    draw = np.random.default_rng(1)
    truth = pc.is_in(
        rows["event_id"],
        value_set=labels.filter(pc.equal(labels["verdict"], "true_positive"))["event_id"],
    )
    # What it says holds on the days that are learnt from, and never again.
    known = np.where(truth.to_numpy() & (draw.random(len(rows)) < 0.9), "bad", "good")
    values = np.where(new.to_numpy(), [f"new{i}" for i in range(len(rows))], known)
    found = trained(detector, (changed(rows, "rule.id", pa.array(values)), labels, as_of))
    assert found.evaluation.at_budget.true_alerts > 0


def test_a_capture_of_one_day_trains_as_of_midnight(
    make_detector: MakeDetector, make_history: MakeHistory
) -> None:
    rows, labels, as_of = make_history(days=1, events=3000, label_delay=timedelta(0), additive=True)
    since = as_of - timedelta(days=1)
    morning = pa.array([since + (t - since) / 6 for t in rows["event_time"].to_pylist()], TIME)
    for name in ("event_time", "arrival_time"):
        rows = changed(rows, name, morning)
    labels = changed(labels, "label_time", pa.array([since] * len(labels), TIME))
    keys = {"verdicts": {"join": "event"}, "mature_after": "0s"}
    detector = make_detector(
        labels=keys, train={"algorithms": ["logistic_regression"]}, alerts={"budget": "20/day"}
    )
    found = trained(detector, (rows, labels, as_of))
    assert any("too short to replay" in warning for warning in found.warnings)
    assert found.evaluation.at_budget.alerts == 20
