"""Labels from a field, and what was known of an event at a moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.spec import Detector, FieldLabels
from scoreback.models.labels.truths import UNUSABLE, labels_from_field, truths_as_of
from scoreback.multivalue import cell
from scoreback.records import EVENT_COLUMNS, LABEL_COLUMNS, TIME, EventBatch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def events(labels: list[str | None], stamps: list[str | None] | None = None) -> EventBatch:
    count = len(labels)
    columns = [
        pa.array([f"e{i}" for i in range(count)]),
        pa.array([""] * count),
        pa.array([NOON] * count, TIME),
        pa.array([NOON] * count, TIME),
        pa.array(labels, pa.string()),
        pa.array(stamps or [None] * count, pa.string()),
    ]
    extra = [pa.field("outcome", pa.string()), pa.field("closed", pa.string())]
    return EventBatch(
        pa.RecordBatch.from_arrays(columns, schema=pa.schema([*EVENT_COLUMNS, *extra]))
    )


def read(batch: EventBatch, **keys: object) -> dict[str, tuple[str, datetime]]:
    spec = FieldLabels.model_validate({"name": "outcome", "positive": ["attack"], **keys})
    found = labels_from_field(batch, spec).labels.batch.to_pylist()
    return {r["event_id"]: (r["verdict"], r["label_time"]) for r in found}


def test_values_become_verdicts_and_others_give_no_label() -> None:
    batch = events(["attack", "normal", "odd", None, ""])
    assert read(batch, negative=["normal"], delay="1h") == {
        "e0": ("true_positive", NOON + HOUR),
        "e1": ("false_positive", NOON + HOUR),
    }


def test_without_negative_values_every_other_value_is_negative() -> None:
    found = read(events(["attack", "normal", "odd", None, ""]))
    assert {k: v[0] for k, v in found.items()} == {
        "e0": "true_positive", "e1": "false_positive", "e2": "false_positive",
    }  # fmt: skip


def test_of_several_values_one_positive_is_enough_and_without_one_a_negative() -> None:
    batch = events(
        [cell(["normal", "attack"]), cell(["odd", "normal"]), cell(["odd", "even"]), "attack"]
    )
    found = read(batch, negative=["normal"])
    assert {k: v[0] for k, v in found.items()} == {
        "e0": "true_positive", "e1": "false_positive", "e3": "true_positive",
    }  # fmt: skip
    assert read(batch)["e2"][0] == "false_positive"


def test_of_several_times_the_latest_says_when_the_label_came_to_exist() -> None:
    stamps = [cell(["2026-03-03", "2026-03-09", "soon"]), "2026-03-02", cell(["soon", "later"])]
    found = read(events(["attack"] * 3, stamps), time="closed")
    assert {k: v[1].day for k, v in found.items()} == {"e0": 9, "e1": 2}


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-02T12:00:00+02:00", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02 12:00:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("1772452800", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("1772452800000", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("1772452800000000", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2020-01-01", NOON),  # a label cannot exist before its event
    ],
)
def test_a_time_field_says_when_the_label_came_to_exist(stamp: str, expected: datetime) -> None:
    assert read(events(["attack"], [stamp]), time="closed", delay="1h")["e0"][1] == expected


def test_labels_without_a_readable_time_are_counted_and_not_used() -> None:
    stamps = ["yesterday", None, None, "soon", "infinity", ""]
    batch = events(["attack", "attack", "normal", "normal", "attack", "normal"], stamps)
    spec = FieldLabels.model_validate(
        {"name": "outcome", "positive": ["attack"], "time": "closed", "delay": "1h"}
    )
    found = labels_from_field(batch, spec)
    assert found.unparsable == 4
    assert found.labels.batch.column("event_id").to_pylist() == ["e2", "e5"]
    assert found.labels.batch.column("label_time").to_pylist() == [NOON + HOUR] * 2


@pytest.mark.parametrize(
    "stamp",
    ["20260313", "0", "17", "-1", "1970-01-01T00:00:00Z", "0001-01-01 00:00:00", "1900-01-01",
     "1601-01-01T00:00:00Z", "2026-02-30", "13.03.2026"],
)  # fmt: skip
def test_what_is_no_label_time_is_never_taken_for_an_early_one(stamp: str) -> None:
    spec = FieldLabels.model_validate(
        {"name": "outcome", "positive": ["attack"], "time": "closed", "delay": "1h"}
    )
    found = labels_from_field(events(["attack", "normal"], [stamp, stamp]), spec)
    assert found.labels.num_rows == 0
    assert (found.unparsable, found.unparsable_example) == (2, stamp)


def test_label_times_are_read_as_load_reads_times() -> None:
    stamps = ["03/02/2026 12:00:00.000 PM", "02/Mar/2026:14:00:00 +0200", "1772452800.0"]
    found = read(events(["attack"] * 3, [*stamps]), time="closed")
    assert {at for _, at in found.values()} == {datetime(2026, 3, 2, 12, tzinfo=UTC)}


def truths(
    detector: Detector, labels: pa.Table, as_of: datetime = NOON + 9 * HOUR
) -> dict[str, int]:
    found = truths_as_of(labels, detector, as_of)
    return dict(zip(found.event_ids.to_pylist(), found.truth.tolist(), strict=True))


def test_the_latest_label_wins_and_later_ones_do_not_exist_yet(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    labels = make_labels(
        ["a", "a", "b", "b"],
        ["true_positive", "false_positive", "false_positive", "true_positive"],
        [NOON, NOON + HOUR, NOON, NOON + 2 * HOUR],
    )
    detector = make_detector()
    assert truths(detector, labels) == {"a": 0, "b": 1}
    assert truths(detector, labels, NOON + HOUR) == {"a": 0, "b": 0}
    assert truths(detector, labels, NOON) == {"a": 1, "b": 0}
    assert truths_as_of(labels, detector, NOON).not_yet == 2


def test_labels_of_the_same_time_that_disagree_leave_the_event_out(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    labels = make_labels(
        ["a", "a", "b", "b", "c"],
        ["true_positive", "false_positive", "benign_positive", "false_positive", "undetermined"],
        [NOON] * 5,
    )
    found = truths_as_of(labels, make_detector(), NOON)
    assert truths(make_detector(), labels) == {"a": -1, "b": 0, "c": -1}
    assert (found.contradicting, found.undetermined) == (1, 1)
    assert found.verdicts[found.event_ids.to_pylist().index("a")] == UNUSABLE


@pytest.mark.parametrize(("choice", "truth"), [("negative", 0), ("positive", 1), ("ignore", -1)])
def test_benign_positives_count_as_the_detector_says(
    make_detector: Callable[..., Detector],
    make_labels: Callable[..., pa.Table],
    choice: str,
    truth: int,
) -> None:
    detector = make_detector(labels={"verdicts": {"join": "event"}, "benign_positive": choice})
    assert truths(detector, make_labels(["a"], ["benign_positive"], [NOON])) == {"a": truth}


def test_order_of_labels_and_entity_labels_change_nothing(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    draw = np.random.default_rng(3)
    count = 400
    labels = make_labels(
        [f"e{i}" for i in draw.integers(0, 80, count)],
        draw.choice(["true_positive", "false_positive", "benign_positive"], count).tolist(),
        [NOON + HOUR * int(h) for h in draw.integers(0, 9, count)],
    )
    entity = pa.Table.from_pylist(
        [{**labels.slice(0, 1).to_pylist()[0], "event_id": None, "entity": "host"}],
        schema=LABEL_COLUMNS,
    )
    shuffled = pa.concat_tables([entity, labels.take(draw.permutation(count))])
    assert truths(make_detector(), shuffled) == truths(make_detector(), labels)


def test_no_labels_at_all_is_no_error(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    assert truths(make_detector(), make_labels([], [], [])) == {}


def with_withdrawals(labels: pa.Table, times: list[datetime]) -> pa.Table:
    """*labels*, and the withdrawal of each at one of *times*."""
    ends = labels.set_column(
        labels.schema.get_field_index("label_time"), LABEL_COLUMNS.field("label_time"),
        pa.array(times, TIME),
    )  # fmt: skip
    place = labels.schema.get_field_index("withdrawn")
    yes = pa.array([True] * labels.num_rows)
    return pa.concat_tables([labels, ends.set_column(place, LABEL_COLUMNS.field(place), yes)])


def test_a_withdrawn_label_counts_until_it_is_withdrawn_and_earlier_ones_stand_again(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    given = make_labels(
        ["a", "a", "b"],
        ["false_positive", "true_positive", "true_positive"],
        [NOON, NOON + HOUR, NOON],
    )
    ended = with_withdrawals(given.slice(1), [NOON + 3 * HOUR, NOON + 4 * HOUR])
    labels = pa.concat_tables([given.slice(0, 1), ended])
    found = [truths(make_detector(), labels, NOON + n * HOUR) for n in range(5)]
    assert found[0] == {"a": 0, "b": 1}
    assert found[1] == found[2] == {"a": 1, "b": 1}
    assert found[3] == {"a": 0, "b": 1}
    assert found[4] == {"a": 0}
    assert truths_as_of(labels, make_detector(), NOON).not_yet == 1  # withdrawals are not labels


def test_a_withdrawal_ends_the_label_that_it_names_and_none_beside_it(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    given = make_labels(["a"], ["true_positive"], [NOON])
    ended = with_withdrawals(given, [NOON + HOUR])
    again = make_labels(["a"], ["true_positive"], [NOON + 2 * HOUR])
    for name, value in (("labeller", "bob"), ("alert_id", "x"), ("source", "export")):
        place = given.schema.get_field_index(name)
        other = given.set_column(place, LABEL_COLUMNS.field(name), pa.array([value]))
        found = truths(make_detector(), pa.concat_tables([ended, other]), NOON + HOUR)
        assert found == {"a": 1}, name
    assert truths(make_detector(), ended, NOON + HOUR) == {}
    assert truths(make_detector(), pa.concat_tables([ended, again]), NOON + 2 * HOUR) == {"a": 1}
