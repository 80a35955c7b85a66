"""Blocks hold their share of rows and of positives, however labels lie in time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, Known, known_at
from scoreback.models.training.fair_cuts import Labelled, fair_cut
from scoreback.models.training.splits import Plan, parts_of, plan_of
from scoreback.records import TIME
from scoreback.suppression import DAY_US
from scoreback.times import micros

History = tuple[pa.Table, pa.Table, datetime]
MakeHistory = Callable[..., History]
MakeDetector = Callable[..., Detector]


def labelled(times: list[int], positives: list[int]) -> Labelled:
    rows, positive = np.array(sorted(times)), np.array(sorted(positives))
    return Labelled(
        times=rows, learnable=rows, positive_times=positive, positive_learnable=positive
    )


def planned(history: History, detector: Detector) -> tuple[Plan, Known, Dataset]:
    rows, labels, as_of = history
    data = Dataset.of(rows, detector)
    known = known_at(data, labels, detector, as_of)
    return plan_of(data, labels, detector, known), known, data


def changed(labels: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = labels.schema.get_field_index(name)
    return labels.set_column(place, labels.schema.field(place), values)


@given(
    times=st.lists(st.integers(0, 30 * DAY_US), min_size=2, max_size=60),
    some=st.integers(1, 30), share=st.sampled_from([0.1, 0.3, 0.5]), midnight=st.booleans(),
)  # fmt: skip
def test_both_sides_of_a_cut_hold_rows_and_positives(
    times: list[int], some: int, share: float, midnight: bool
) -> None:
    rows = labelled(times, times[:some])
    cut = fair_cut(rows, min(times), max(times) + 1, share, midnight=midnight)
    if cut is None:
        assert len(set(times[:some])) < 2
        return
    for of in (rows.times, rows.positive_times):
        assert 0 < (of < cut).sum() < len(of)


def test_a_share_of_rows_that_holds_all_positives_is_no_fair_cut() -> None:
    """Days 0 to 99, positives from day 70 on: three tenths of the time would judge all of them."""
    rows = labelled([d * DAY_US for d in range(100)], [d * DAY_US for d in range(70, 100)])
    cut = fair_cut(rows, 0, 100 * DAY_US, 0.3, midnight=True)
    assert cut is not None
    assert 80 * DAY_US <= cut <= 86 * DAY_US


def test_a_history_whose_labels_are_recent_leaves_most_positives_to_learn_from(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history(events=6000, days=40)
    recent = pc.greater(labels["label_time"], pa.scalar(as_of - timedelta(days=13), TIME))
    keys = {"verdicts": {"join": "event"}, "mature_after": "1d", "unlabelled": "presumed_benign"}
    detector = make_detector(labels=keys)
    plan, known, _ = planned((rows, labels.filter(recent), as_of), detector)
    first = plan.origins[0].parts.known
    judged = sum(int((known.truth[o.judged] == 1).sum()) for o in plan.origins)
    assert len(plan.origins) > 1
    assert judged < 0.6 * known.positives
    assert first.positives > 0.35 * known.positives
    for origin in plan.origins:
        assert (known.truth[origin.judged] == 1).any()


def test_labels_that_all_came_at_once_are_judged_after_they_came(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    """A bulk of labels, given on one day: no model of the past could have known them earlier."""
    rows, labels, as_of = make_history()
    bulk = pa.array([as_of - timedelta(days=6)] * len(labels), TIME)
    late = changed(labels, "label_time", bulk)
    plan, _, _ = planned((rows, late, as_of), make_detector())
    assert plan.origins
    assert all(o.judged_span.since >= micros(as_of - timedelta(days=6)) for o in plan.origins)


def test_a_capture_of_one_day_trains_as_of_midnight(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history(days=1, events=2000, label_delay=timedelta(0))
    since = as_of - timedelta(days=1)
    # Four hours in the morning; the rest of the day is empty.
    squeezed = pa.array([since + (t - since) / 6 for t in rows["event_time"].to_pylist()], TIME)
    for place, name in ((1, "event_time"), (2, "arrival_time")):
        rows = rows.set_column(place, name, squeezed)
    labels = changed(labels, "label_time", pa.array([since] * len(labels), TIME))
    keys = {"verdicts": {"join": "event"}, "mature_after": "0s"}
    detector = make_detector(labels=keys)
    plan, known, data = planned((rows, labels, as_of), detector)
    (only,) = plan.origins
    positives = int((known.truth[only.judged] == 1).sum())
    assert 0.2 * known.positives < positives < 0.4 * known.positives
    assert parts_of(data, known) is not None


def test_the_threshold_days_hold_their_share_too(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    _, known, data = planned((rows, labels, as_of), make_detector())
    parts = parts_of(data, known)
    assert parts is not None
    held = int((known.truth[parts.threshold] == 1).sum())
    assert held == pytest.approx(0.25 * known.positives, rel=0.35)


@pytest.mark.parametrize("newest", ["true_positive", "false_positive"])
def test_labels_of_one_kind_in_the_newest_days_leave_no_block_without_the_other_side(
    make_history: MakeHistory, make_detector: MakeDetector, newest: str
) -> None:
    rows, labels, as_of = make_history()
    late = pc.greater(rows["event_time"], pa.scalar(as_of - timedelta(days=3), TIME))
    ids = rows["event_id"].filter(late).combine_chunks()
    mine = pc.is_in(labels["event_id"], value_set=ids)
    verdicts = pc.if_else(mine, newest, labels["verdict"])
    history = rows, changed(labels, "verdict", verdicts), as_of
    plan, known, data = planned(history, make_detector())
    assert plan.origins
    assert sum(int((known.truth[o.judged] == 1).sum()) for o in plan.origins) >= 5
    assert parts_of(data, known) is not None
