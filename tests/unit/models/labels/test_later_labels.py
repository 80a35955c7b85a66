"""Labels that came to be known later, against the plain rule, event by event."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.later_labels import LaterLabels, Training
from scoreback.models.labels.truths import UNKNOWN, labels_from_field, truths_as_of
from scoreback.records import TIME, EventBatch

DAY0 = datetime(2026, 2, 1, tzinfo=UTC)
MEANING = {"bad": 1, "ok": 0, "looking": UNKNOWN}


def day(number: float) -> datetime:
    return DAY0 + timedelta(days=number)


def detector(**more: object) -> Detector:
    field = {
        "name": "v",
        "positive": ["bad"],
        "negative": ["ok"],
        "delay": timedelta(days=1),
        **more,
    }
    return Detector.model_validate(
        {
            "name": "tiny",
            "events": {"local": {"stream": "s"}},
            "entity": "host",
            "labels": {"field": field | more},
            "features": [{"kind": "number", "field": "n", "name": "n"}],
            "alerts": {"budget": "5/day"},
        }
    )


def batch(values: list[str | None], **more: list[str | None]) -> EventBatch:
    times = pa.array([day(n) for n in range(len(values))], TIME)
    columns = {
        "event_id": pa.array([f"e{n}" for n in range(len(values))]),
        "event_ref": pa.array(["r"] * len(values)),
        "event_time": times,
        "arrival_time": times,
        "v": pa.array(values, pa.string()),
    }
    for name, column in more.items():
        columns[name] = pa.array(column, pa.string())
    return EventBatch(pa.record_batch(columns))


def told(*rows: tuple[int, float, str | None]) -> pa.Table:
    ordered = sorted(rows, key=lambda row: row[1])
    return pa.table(
        {
            "event_id": pa.array([f"e{n}" for n, _, _ in ordered], pa.string()),
            "known_at": pa.array([day(at) for _, at, _ in ordered], TIME),
            "v": pa.array([value for _, _, value in ordered], pa.string()),
        }
    )


def truths(events: EventBatch, later: LaterLabels, of: Detector, at: datetime) -> dict[str, int]:
    assert of.labels.field is not None
    own = labels_from_field(events, of.labels.field).labels
    kept, changed = later.split(events, own)
    tables = [pa.Table.from_batches([kept.batch])] + ([] if changed is None else [changed])
    found = truths_as_of(pa.concat_tables(tables), of, at)
    return dict(zip(found.event_ids.to_pylist(), found.truth.tolist(), strict=True))


def test_a_label_of_a_past_nobody_trained_for_is_taken_at_its_word() -> None:
    spec = detector()
    later = LaterLabels(spec.labels.field, told((0, 90, "bad")))  # type: ignore[arg-type]
    events = batch([None, "ok"])
    assert truths(events, later, spec, day(1.5)) == {"e0": 1}
    assert truths(events, later, spec, day(2)) == {"e0": 1, "e1": 0}
    assert later.current(events).batch["v"].to_pylist() == ["bad", "ok"]


def test_a_label_told_after_a_training_as_of_its_time_exists_from_when_it_was_told() -> None:
    spec = detector()
    trained = [Training(made_at=day(40), as_of=day(30))]
    later = LaterLabels(spec.labels.field, told((0, 90, "bad")), trained)  # type: ignore[arg-type]
    assert truths(batch([None]), later, spec, day(30)) == {}
    assert truths(batch([None]), later, spec, day(89)) == {}
    assert truths(batch([None]), later, spec, day(90)) == {"e0": 1}


def test_a_training_after_the_label_was_told_changes_nothing_of_it() -> None:
    spec = detector()
    trained = [Training(made_at=day(95), as_of=day(93))]
    later = LaterLabels(spec.labels.field, told((0, 90, "bad")), trained)  # type: ignore[arg-type]
    assert truths(batch([None]), later, spec, day(1)) == {"e0": 1}


def test_a_changed_label_counts_from_its_time_and_the_old_one_before() -> None:
    spec = detector()
    trained = [Training(made_at=day(40), as_of=day(30))]
    later = LaterLabels(spec.labels.field, told((0, 90, "ok")), trained)  # type: ignore[arg-type]
    assert truths(batch(["bad"]), later, spec, day(30)) == {"e0": 1}
    assert truths(batch(["bad"]), later, spec, day(90)) == {"e0": 0}


def test_the_label_time_that_a_load_brought_is_the_labels_time() -> None:
    spec = detector(time="closed")
    table = told((0, 90, "bad")).append_column("closed", pa.array(["2026-02-08T00:00:00Z"]))
    later = LaterLabels(spec.labels.field, table)  # type: ignore[arg-type]
    events = batch([None], closed=[None])
    assert truths(events, later, spec, day(6.9)) == {}
    assert truths(events, later, spec, day(7)) == {"e0": 1}


VALUES = st.sampled_from([*MEANING, None])


@given(
    own=st.lists(VALUES, min_size=3, max_size=3),
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(20, 60), st.sampled_from([*MEANING])),
        unique_by=lambda row: row[:2],
        max_size=8,
    ),
    trained=st.none() | st.integers(10, 40),
    cut=st.integers(1, 2),
)
def test_in_the_end_the_latest_value_holds_however_events_are_cut(
    own: list[str | None], rows: list[tuple[int, float, str]], trained: int | None, cut: int
) -> None:
    spec = detector()
    trainings = [] if trained is None else [Training(made_at=day(trained), as_of=day(trained))]
    later = LaterLabels(spec.labels.field, told(*rows), trainings)  # type: ignore[arg-type]
    events = batch(own)
    found: dict[str, int] = {}
    for piece in (events.batch.slice(0, cut), events.batch.slice(cut)):
        found |= truths(EventBatch(piece), later, spec, day(100))
    latest = dict(enumerate(own)) | {n: v for n, _, v in sorted(rows, key=lambda row: row[1])}
    expected = {f"e{n}": MEANING[v] for n, v in latest.items() if v is not None}
    expected = {name: truth for name, truth in expected.items() if truth != UNKNOWN}
    assert found == expected
    assert later.current(events).batch["v"].to_pylist() == list(latest.values())


@given(
    own=st.lists(VALUES, min_size=3, max_size=3),
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(41, 60), st.sampled_from([*MEANING])),
        unique_by=lambda row: row[:2],
        max_size=6,
    ),
    as_of=st.integers(0, 40),
)
def test_what_a_training_saw_is_the_same_whatever_is_told_afterwards(
    own: list[str | None], rows: list[tuple[int, float, str]], as_of: int
) -> None:
    spec = detector()
    trainings = [Training(made_at=day(40), as_of=day(40))]
    events = batch(own)
    before = LaterLabels(spec.labels.field, told(), trainings)  # type: ignore[arg-type]
    after = LaterLabels(spec.labels.field, told(*rows), trainings)  # type: ignore[arg-type]
    at = day(as_of)
    assert truths(events, after, spec, at) == truths(events, before, spec, at)


def test_a_training_of_the_very_moment_counts_as_made_before() -> None:
    spec = detector()
    trained = [Training(made_at=day(90), as_of=day(80))]
    later = LaterLabels(spec.labels.field, told((0, 90, "bad")), trained)  # type: ignore[arg-type]
    assert truths(batch([None]), later, spec, day(80)) == {}
