"""Labels of events reach the unit that the events are part of, as of every moment."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, known_at
from scoreback.models.labels.joins import event_labels
from scoreback.models.labels.truths import UNIT, UNKNOWN, labels_from_field, truths_as_of
from scoreback.models.labels.unit_labels import UnitLabels
from scoreback.records import EVENT_COLUMNS, LABEL_COLUMNS, TIME, EventBatch

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LABELS = LABEL_COLUMNS.append(pa.field(UNIT, pa.string()))


def detector(**labels: object) -> Detector:
    return Detector.model_validate(
        {
            "name": "lab",
            "events": {"local": {"stream": "alerts"}},
            "entity": "host.name",
            "labels": {"verdicts": {"join": "event"}, "mature_after": "0s", **labels},
            "features": [{"kind": "number", "field": "x", "name": "x"}],
            "alerts": {"budget": "5/day"},
        }
    )


# What is labelled (an event of unit u, or u itself), hours after the beginning, and the verdict.
Label = tuple[str, int, str]
labels_of = st.lists(
    st.tuples(
        st.sampled_from(["e1", "e2", "e3", "u"]),
        st.integers(0, 4),
        st.sampled_from(["true_positive", "benign_positive", "false_positive", "undetermined"]),
    ),
    max_size=8,
)


def table(labels: list[Label]) -> pa.Table:
    rows = [
        {
            "event_id": name, "verdict": verdict, "label_time": BEGIN + hour * HOUR,
            "labeller": "ann", "source": "verdict", UNIT: None if name == "u" else "u",
        }
        for name, hour, verdict in labels
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=LABELS)


def by_definition(labels: list[Label], at: int, benign: int) -> int | None:
    """The docstring of `labels` in plain Python; None where nobody looked."""
    meaning = {"true_positive": 1, "false_positive": 0, "benign_positive": benign}
    latest: dict[str, tuple[int, int]] = {}
    for name in {name for name, hour, _ in labels if hour <= at}:
        hour = max(h for n, h, _ in labels if n == name and h <= at)
        said = {meaning.get(v, UNKNOWN) for n, h, v in labels if n == name and h == hour}
        latest[name] = (hour, said.pop() if len(said) == 1 else UNKNOWN)
    own, told = latest.pop("u", None), [truth for hour, truth in latest.values()]
    if own is not None:
        told = [own[1], *(truth for hour, truth in latest.values() if hour > own[0])]
    for truth in (1, UNKNOWN, 0):
        if truth in told:
            return truth
    return None


@given(labels_of, st.integers(-1, 5), st.sampled_from(["negative", "positive", "ignore"]))
def test_a_unit_is_labelled_as_of_every_moment_as_the_definition_says(
    labels: list[Label], at: int, benign: str
) -> None:
    found = truths_as_of(table(labels), detector(benign_positive=benign), BEGIN + at * HOUR)
    expected = by_definition(labels, at, {"negative": 0, "positive": 1, "ignore": UNKNOWN}[benign])
    truths = dict(zip(found.event_ids.to_pylist(), found.truth.tolist(), strict=True))
    assert truths == ({} if expected is None else {"u": expected})


@pytest.mark.parametrize(
    ("labels", "truth"),
    [
        ([("e1", 0, "false_positive"), ("e2", 1, "true_positive")], 1),
        ([("e1", 0, "true_positive"), ("e2", 1, "false_positive")], 1),
        ([("e1", 0, "false_positive")], 0),
        ([("e1", 0, "false_positive"), ("e2", 1, "undetermined")], UNKNOWN),
        ([("e1", 0, "true_positive"), ("e1", 1, "false_positive")], 0),
        ([("e1", 0, "true_positive"), ("u", 1, "false_positive")], 0),
        ([("u", 0, "false_positive"), ("e1", 1, "true_positive")], 1),
        ([("u", 0, "true_positive"), ("e1", 1, "false_positive")], 1),
        ([("u", 0, "true_positive"), ("u", 0, "false_positive")], UNKNOWN),
    ],
)
def test_any_positive_event_makes_a_unit_positive_unless_somebody_saw_it_whole_later(
    labels: list[Label], truth: int
) -> None:
    assert truths_as_of(table(labels), detector(), BEGIN + 9 * HOUR).truth.tolist() == [truth]


def events(outcomes: list[str | None]) -> EventBatch:
    times = pa.array([BEGIN + i * HOUR for i in range(len(outcomes))], TIME)
    ids = [f"e{i}" for i in range(len(outcomes))]
    schema = EVENT_COLUMNS.append(pa.field("outcome", pa.string()))
    columns = [pa.array(ids), pa.array(ids), times, times, pa.array(outcomes, pa.string())]
    return EventBatch(pa.RecordBatch.from_arrays(columns, schema=schema))


def test_a_field_labels_a_unit_from_when_its_first_positive_event_was_known() -> None:
    spec = detector(field={"name": "outcome", "positive": "bad", "delay": "1h"}).labels.field
    assert spec is not None
    gathered = UnitLabels(LABEL_COLUMNS.empty_table())
    batch = events(["good", "bad", "bad", None, "good"])
    units = pa.chunked_array([["u", "u", "u", "u", None]])  # the last is late: of no unit
    for i in range(5):
        part = EventBatch(batch.batch.slice(i, 1))
        gathered.add(part, units.slice(i, 1), labels_from_field(part, spec).labels)
    found = gathered.table()
    assert found.num_rows == 2  # however many events a unit has
    known = [
        truths_as_of(found, detector(), BEGIN + hour * HOUR).truth.tolist() for hour in range(4)
    ]
    assert known == [[], [0], [1], [1]]


def test_a_verdict_on_an_event_reaches_its_unit_and_one_on_an_unknown_event_nothing() -> None:
    rows = [
        {"event_id": name, "verdict": "true_positive", "label_time": BEGIN, "labeller": "ann",
         "source": "verdict"}
        for name in ("e1", "gone", "u2")
    ]  # fmt: skip
    gathered = UnitLabels(pa.Table.from_pylist(rows, schema=LABEL_COLUMNS))
    gathered.add(events([None, None]), pa.chunked_array([["u1", "u1"]]), None)
    found = truths_as_of(gathered.table(), detector(), BEGIN)
    assert sorted(found.event_ids.to_pylist()) == ["gone", "u1", "u2"]


def units(*spans: tuple[int, int, str]) -> Dataset:
    """Units from their first to their last event, in hours, of an entity."""
    firsts = [BEGIN + first * HOUR for first, _, _ in spans]
    ends = [BEGIN + last * HOUR for _, last, _ in spans]
    rows = pa.table(
        {
            "event_id": [f"u{i}" for i in range(len(spans))],
            "event_time": pa.array(ends, TIME),
            "arrival_time": pa.array(ends, TIME),
            "entity": [entity for _, _, entity in spans],
            "first_event": pa.array(firsts, TIME).cast(pa.int64()),
            "x": [1.0] * len(spans),
        }
    )
    return Dataset.of(rows, detector())


def test_an_incident_reaches_the_units_that_it_touches() -> None:
    data = units((0, 1, "a"), (2, 3, "a"), (0, 3, "a"), (0, 3, "b"), (4, 4, "a"))
    incident = pa.Table.from_pylist(
        [
            {"entity": "a", "since": BEGIN + HOUR, "until": BEGIN + 2 * HOUR, "label_time": BEGIN,
             "verdict": "true_positive", "labeller": "ir", "source": "incidents"}
        ],
        schema=LABELS,
    )  # fmt: skip
    found = event_labels(data, incident, detector())
    assert sorted(found["event_id"].to_pylist()) == ["u0", "u2"]


def test_a_verdict_by_entity_reaches_units_around_the_unit_of_the_judged_event() -> None:
    data = units((0, 1, "a"), (6, 7, "a"), (9, 9, "a"), (12, 13, "a"), (9, 9, "b"))
    by_entity = detector(verdicts={"join": "entity", "window": "2h"})
    verdict = table([("e1", 0, "true_positive")]).set_column(
        LABELS.get_field_index(UNIT), UNIT, pa.array(["u2"])
    )
    found = event_labels(data, verdict, by_entity)
    assert sorted(found["event_id"].to_pylist()) == ["u1", "u2"]


def test_presumed_benign_fills_units_that_nobody_looked_at_and_no_others() -> None:
    data = units((0, 0, "a"), (0, 0, "b"), (0, 0, "c"))
    rows = table([("e1", 0, "undetermined"), ("e2", 0, "true_positive")])
    rows = rows.set_column(LABELS.get_field_index(UNIT), UNIT, pa.array(["u0", "u1"]))
    found = known_at(data, rows, detector(unlabelled="presumed_benign"), BEGIN + 9 * HOUR)
    truth = dict(zip(data.event_ids.to_pylist(), found.truth.tolist(), strict=True))
    assert truth == {"u0": UNKNOWN, "u1": 1, "u2": 0}
    assert np.array_equal(found.usable, [True] * 3)
