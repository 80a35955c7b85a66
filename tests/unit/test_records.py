"""Values that refuse nonsense at birth."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from scoreback.records import (
    EVENT_COLUMNS,
    LABEL_COLUMNS,
    SCORE_COLUMNS,
    TIME,
    EventBatch,
    LabelBatch,
    LabelQuery,
    ScoreBatch,
)

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_a_label_query_refuses_times_that_no_door_could_tell_apart() -> None:
    LabelQuery(detector="d", entity="h", since=NOON, until=NOON)
    LabelQuery(detector="d", entity="h", since=NOON.astimezone(timezone(timedelta(hours=2))))
    for since, until in (
        (NOON.replace(tzinfo=None), None),
        (NOON, NOON.replace(tzinfo=None)),
        (NOON, NOON - timedelta(microseconds=1)),
    ):
        with pytest.raises(ValueError, match="label query of 'd'"):
            LabelQuery(detector="d", entity="h", since=since, until=until)


def test_labels_that_say_nothing_of_a_column_are_null_there_and_not_withdrawn() -> None:
    given = {
        "event_id": pa.array(["a", "b"]),
        "verdict": pa.array(["true_positive"] * 2),
        "label_time": pa.array([NOON] * 2, TIME),
        "labeller": pa.array(["ann"] * 2),
        "source": pa.array(["verdict"] * 2),
    }
    found = LabelBatch.of(given, 2).batch
    assert found.schema.equals(LABEL_COLUMNS)
    rows = found.to_pylist()
    assert [row["withdrawn"] for row in rows] == [False, False]
    assert {name for name in rows[0] if rows[0][name] is None} == {
        "entity", "since", "until", "propensity", "alert_id", "rule",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"LabelBatch\.verdict"):
        LabelBatch.of({name: given[name] for name in given if name != "verdict"}, 2)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [(EventBatch, EVENT_COLUMNS), (LabelBatch, LABEL_COLUMNS), (ScoreBatch, SCORE_COLUMNS)],
)
def test_a_batch_refuses_columns_that_are_missing_mistyped_or_null(
    kind: type[EventBatch | LabelBatch | ScoreBatch], schema: pa.Schema
) -> None:
    whole = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
    kind(whole)
    for name in schema.names:
        place = schema.get_field_index(name)
        with pytest.raises(ValueError, match=f"lacks column '{name}'"):
            kind(whole.remove_column(place))
        with pytest.raises(ValueError, match=rf"\.{name} is int8"):
            kind(whole.set_column(place, name, pa.array([], pa.int8())))
    nulls = pa.RecordBatch.from_arrays([pa.nulls(1, f.type) for f in schema], schema=schema)
    with pytest.raises(ValueError, match="holds nulls"):
        kind(nulls)
