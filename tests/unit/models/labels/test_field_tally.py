"""Why labels of a field are not used, in words."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.detector.spec import FieldLabels
from scoreback.models.labels.field_tally import LISTED, MOST_VALUES, FieldTally
from scoreback.models.labels.truths import labels_from_field
from scoreback.multivalue import cell
from scoreback.records import EVENT_COLUMNS, EventBatch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def problems(values: list[str | None], stamps: list[str] | None = None, **spec: object) -> str:
    return "; ".join(tallied(values, stamps, **spec).problems)


def tallied(
    values: list[str | None], stamps: list[str] | None = None, **spec: object
) -> FieldTally:
    labels = FieldLabels.model_validate({"name": "closed.as", **spec})
    tally = FieldTally(labels)
    for start in range(0, max(len(values), 1), 2):  # in several batches
        some = values[start : start + 2]
        columns = {
            "event_id": pa.array([f"e{i}" for i in range(len(some))], pa.string()),
            "event_ref": pa.array(["s"] * len(some), pa.string()),
            "event_time": pa.array([NOON] * len(some), EVENT_COLUMNS.field("event_time").type),
            "arrival_time": pa.array([NOON] * len(some), EVENT_COLUMNS.field("event_time").type),
            "closed.as": pa.array(some, pa.string()),
        }
        if stamps is not None:
            columns["closed.at"] = pa.array(stamps[start : start + 2], pa.string())
        batch = EventBatch(pa.record_batch(columns))
        tally.add(batch, labels_from_field(batch, labels))
    return tally


def test_labels_that_are_as_the_file_says_have_no_problem() -> None:
    assert problems(["true", "false", "odd", None], positive=["true"], negative=["false"]) == ""


def test_labels_are_counted_with_the_values_there_are_and_those_that_match_nothing() -> None:
    counted = tallied(
        ["bad", "bad", "ok", "odd", None], ["2026-03-02", "soon", "2026-03-02", "", ""],
        positive=["bad", "b*"], negative=["ok"], time="closed.at",
    ).counted  # fmt: skip
    assert (counted.events, counted.positive, counted.negative) == (5, 1, 1)
    assert (counted.unreadable, counted.example) == (1, "soon")
    assert counted.values == (("bad", 2, "positive"), ("odd", 1, "no label"), ("ok", 1, "negative"))
    assert counted.unmatched == ("b*",)


def test_only_the_most_frequent_values_are_listed_and_the_rest_is_counted() -> None:
    values: list[str | None] = [f"v{i:02}" for i in range(LISTED + 3)]
    counted = tallied([*values, "v12"], positive=["v12"]).counted
    assert len(counted.values) == LISTED
    assert counted.values[0] == ("v12", 2, "positive")
    assert counted.more_values == 3


def test_values_that_differ_in_case_or_blanks_are_named_with_what_the_file_has() -> None:
    said = problems(["True", "True", "true", "false"], positive=["true"], negative=["false"])
    assert said == (
        "2 events have 'True' in 'closed.as', but the detector file has 'true': write it as the"
        " events do"
    )
    assert "'True_Positive'" in problems(["True_Positive"], positive=["true positive"])


def test_each_value_of_a_list_is_a_value_of_the_field() -> None:
    both = [cell(["seen", "bad"]), cell(["seen", "good"])]
    assert problems(both, positive=["bad"], negative=["good"]) == ""
    assert "'seen' (2)" in problems(both, positive=["worse"])


def test_where_no_value_is_positive_the_values_there_are_are_listed() -> None:
    said = problems(["T", "F", "F"], positive=["1"])
    assert "no event read has a positive value ('1') in 'closed.as'" in said
    assert said.endswith("the values there are: 'F' (2), 'T' (1)")


def test_a_field_without_any_value_is_said_to_be_empty() -> None:
    assert problems([None, ""], positive=["1"]) == "no event read has a value in 'closed.as'"


def test_times_that_cannot_be_read_come_with_an_example() -> None:
    said = problems(["1", "1", "0"], ["20260313", "2026-03-13", "never"], positive=["1"],
                    time="closed.at")  # fmt: skip
    assert said.startswith("2 of 3 labels are not used, as 'closed.at' holds no time that can be")
    assert "such as '20260313'" in said


def test_times_before_the_event_are_told() -> None:
    said = problems(["1", "0"], ["2026-02-28", "2026-03-13"], positive=["1"], time="closed.at")
    assert said == (
        "1 of 2 labels have a time in 'closed.at' before their event; they count from the event on"
    )


def test_long_values_and_very_many_are_cut() -> None:
    said = problems([f"{n:04}" + "x" * 100 for n in range(MOST_VALUES + 10)], positive=["1"])
    assert len(said) < 700


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["a", "A", " a", "b", "", None]), max_size=8))
def test_who_finds_a_positive_value_is_not_told_that_there_is_none(
    values: list[str | None],
) -> None:
    said = problems(values, positive=["a"])
    assert ("no event read has a positive value" in said) == ("a" not in values and any(values))
