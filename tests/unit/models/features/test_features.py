"""Event features: what each kind makes of the text it is given."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.features.event_features import (
    TEXT_LIMIT,
    EventFeatures,
    FeaturePlan,
    FeatureRows,
)
from scoreback.multivalue import cell
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch

MONDAY = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)


def batch_of(fields: dict[str, Sequence[str | None]]) -> pa.RecordBatch:
    count = len(next(iter(fields.values())))
    times = [MONDAY] * count
    ids = [str(i) for i in range(count)]
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in fields)])
    arrays = [
        pa.array(column, type=field.type)
        for column, field in zip([ids, ids, times, times, *fields.values()], schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def rows(feature: EventFeature, fields: dict[str, Sequence[str | None]]) -> FeatureRows:
    engine = EventFeatures(FeaturePlan((feature,), timedelta(0)))
    found = engine.rows(EventBatch(batch_of(fields)))
    engine.close()
    return found


def column(kind: str, values: Sequence[str | None], **more: object) -> list[Any]:
    feature = EventFeature.model_validate({"kind": kind, "field": "x", "name": "f", **more})
    found: list[Any] = rows(feature, {"x": values}).table["f"].to_pylist()
    return found


def test_a_number_is_read_from_text_and_what_is_none_is_missing_and_counted() -> None:
    feature = EventFeature(kind="number", field="x", name="f")
    given = ["443", " 7 ", "-1e3", "1e300", "", None, "n/a", "NaN", "Infinity", "-inf"]
    found = rows(feature, {"x": given})
    assert found.table["f"].to_pylist() == [
        443,
        7,
        -1000,
        1e300,
        None,
        None,
        None,
        None,
        None,
        None,
    ]
    assert found.uncast == {"f": 4}


NUMBERS = st.none() | st.floats() | st.integers(-(10**15), 10**15).map(float)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_a_number_means_the_same_as_text_and_as_float(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    features = (
        EventFeature(kind="number", field="x", name="n"),
        EventFeature(kind="ratio", field="x", divisor="y", name="r"),
    )
    columns = [pa.array(values, pa.float64()) for values in zip(*pairs, strict=True)]
    ids, times = [str(i) for i in range(len(pairs))], pa.array([MONDAY] * len(pairs), TIME)
    engine = EventFeatures(FeaturePlan(features, timedelta(0)))
    found = []
    for kind in (pa.string(), pa.float64()):
        arrays = [pa.array(ids), pa.array(ids), times, times, *(c.cast(kind) for c in columns)]
        schema = pa.schema([*EVENT_COLUMNS, ("x", kind), ("y", kind)])
        found.append(engine.rows(EventBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))))
    engine.close()
    as_text, as_float = found
    assert as_float.table.equals(as_text.table)
    assert as_float.uncast == as_text.uncast


@pytest.mark.parametrize(
    ("more", "numbers"),
    [
        ([], {"bytes", "packets", "port"}),
        ([{"kind": "category", "field": "port"}], {"bytes", "packets"}),
        ([{"kind": "length", "field": "bytes"}], {"packets", "port"}),
        ([{"kind": "sum", "field": "packets", "by": ["host"], "over": "1h"}], {"bytes", "port"}),
        ([{"kind": "count", "field": None, "by": ["bytes"], "over": "1h"}], {"packets", "port"}),
    ],
)
def test_a_field_is_a_number_where_every_feature_reads_it_as_one(
    more: list[dict[str, Any]], numbers: set[str]
) -> None:
    given_features = [
        {"kind": "ratio", "field": "bytes", "divisor": "packets"},
        {"kind": "number", "field": "port"},
        *more,
    ]
    features = tuple(
        (WindowFeature if "over" in one else EventFeature).model_validate(one | {"name": str(i)})
        for i, one in enumerate(given_features)
    )
    assert FeaturePlan(features, timedelta(0)).numbers == numbers


def test_a_category_is_the_text_itself_and_an_empty_one_is_missing() -> None:
    assert column("category", ["ünï", "", None, "443"]) == ["ünï", None, None, "443"]


def test_ngrams_carry_the_text_itself_up_to_a_limit() -> None:
    long = "x" * (TEXT_LIMIT + 5)
    assert column("ngrams", ["ls -la", "", None, long]) == ["ls -la", None, None, long[:TEXT_LIMIT]]


def test_length_counts_characters_not_bytes() -> None:
    assert column("length", ["añ✓", "", None]) == [3, None, None]


def test_entropy_is_in_bits_a_character() -> None:
    assert column("entropy", ["aaaa", "abab", "abcd", None]) == [0, 1, 2, None]


def test_digits_are_counted() -> None:
    assert column("digits", ["a1b22", "none", ""]) == [3, 0, None]


@given(st.lists(st.none() | st.text()))
def test_digits_are_those_of_ascii_wherever_the_text_stands(texts: list[str | None]) -> None:
    expected = [sum(c in "0123456789" for c in text) if text else None for text in texts]
    assert column("digits", [*texts, "9"]) == [*expected, 1]
    assert column("digits", [None, *texts]) == [None, *expected]


def test_matches_searches_a_regular_expression() -> None:
    assert column("matches", ["x.PHP", "x.html", None], pattern=r"(?i)\.php$") == [1, 0, None]


def test_a_quote_in_a_pattern_is_no_way_into_the_query() -> None:
    assert column("matches", ["it's", "x"], pattern="t's") == [1, 0]


def test_a_ratio_by_zero_or_by_nothing_is_missing() -> None:
    feature = EventFeature(kind="ratio", field="a", divisor="b", name="f")
    found = rows(feature, {"a": ["6", "1", "1"], "b": ["3", "0", None]})
    assert found.table["f"].to_pylist() == [2, None, None]


def test_hours_and_days_of_the_event_time_are_utc() -> None:
    hour = EventFeature(kind="hour_of_day", field="event_time", name="f")
    day = EventFeature(kind="day_of_week", field="event_time", name="f")
    assert rows(hour, {"x": ["1"]}).table["f"].to_pylist() == [23]
    assert rows(day, {"x": ["1"]}).table["f"].to_pylist() == [1]


def test_an_hour_of_a_field_keeps_the_offset_of_its_text() -> None:
    given = ["2026-03-02T01:00:00+02:00", "2026-03-02T01:00:00Z", "soon"]
    assert column("hour_of_day", given) == [23, 1, None]


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.1.2.3", 1), ("192.168.0.1", 1), ("172.16.0.1", 1), ("172.32.0.1", 0), ("8.8.8.8", 0),
        ("127.0.0.1", 1), ("::1", 1), ("fe80::1", 1), ("fd00::1", 1), ("2001:db8::1", 0),
        ("host", None), ("", None),
    ],
)  # fmt: skip
def test_private_addresses_are_told_from_public_ones(address: str, private: int | None) -> None:
    assert column("is_private_ip", [address]) == [private]


def test_field_names_are_read_as_they_are_whatever_they_look_like_in_a_query() -> None:
    name = "@select.from-where"
    feature = EventFeature(kind="length", field=name, name="f")
    assert rows(feature, {name: ["abc"]}).table["f"].to_pylist() == [3]


ARGS = cell(["powershell.exe", "-enc", "SGVs 42"])
JOINED = "powershell.exe -enc SGVs 42"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ngrams", {}), ("length", {}), ("entropy", {}), ("digits", {}),
        ("matches", {"pattern": "exe -enc S"}), ("matches", {"pattern": "^-enc"}),
    ],
)  # fmt: skip
def test_text_features_see_all_values_with_blanks_in_between(
    kind: str, more: dict[str, object]
) -> None:
    one = cell(["\ufdd0 9", "b"])
    assert column(kind, [ARGS, "x1", None, one], **more) == column(
        kind, [JOINED, "x1", None, cell(["\ufdd0 9 b"])], **more
    )


def test_a_category_of_several_values_is_their_set() -> None:
    given_values = [cell(["web", "auth", "web"]), cell(["auth", "web"]), "web", cell(["web"] * 2)]
    assert column("category", given_values) == ["auth, web", "auth, web", "web", "web"]


SEVERAL = [cell(["2", "-5", "9.5"]), cell(["x", "4"]), "3", None, cell(["x", "nan"]), ""]


@pytest.mark.parametrize(
    ("take", "expected"),
    [
        ("first", [2, None, 3, None, None, None]),
        ("min", [-5, 4, 3, None, None, None]),
        ("max", [9.5, 4, 3, None, None, None]),
        ("sum", [6.5, 4, 3, None, None, None]),
    ],
)
def test_a_number_says_which_of_several_it_takes(take: str, expected: list[float | None]) -> None:
    assert column("number", SEVERAL, take=take) == expected
    feature = EventFeature.model_validate(
        {"kind": "ratio", "field": "x", "divisor": "y", "name": "f", "take": take}
    )
    found = rows(feature, {"x": SEVERAL, "y": [cell(["2", "2"])] * len(SEVERAL)}).table["f"]
    by = 4 if take == "sum" else 2
    assert found.to_pylist() == [None if n is None else n / by for n in expected]


def test_what_of_a_list_is_no_number_is_counted() -> None:
    feature = EventFeature(kind="number", field="x", name="f", take="sum")
    assert rows(feature, {"x": SEVERAL}).uncast == {"f": 1}


def test_times_and_addresses_are_the_first_of_several() -> None:
    assert column("hour_of_day", [cell(["2026-03-02T07:00:00Z", "2026-03-02T09:00:00Z"])]) == [7]
    assert column("day_of_week", [cell(["2026-03-02T07:00:00Z", "x"])]) == [1]
    assert column("is_private_ip", [cell(["10.0.0.1", "8.8.8.8"]), cell(["8.8.8.8", "::1"])]) == [
        1, 0,
    ]  # fmt: skip


lists = st.lists(st.text(alphabet="ab1 é\ufdd0\ufdd1", max_size=3), max_size=3).map(cell)
KINDS = ("category", "ngrams", "length", "digits", "number", "is_private_ip")


@given(st.lists(lists, min_size=1, max_size=4))
@settings(max_examples=20)
def test_an_event_means_the_same_alone_and_among_others(given_values: list[str | None]) -> None:
    features = tuple(
        EventFeature.model_validate({"kind": kind, "field": "x", "name": kind}) for kind in KINDS
    )
    batch = batch_of({"x": given_values})
    engine = EventFeatures(FeaturePlan(features, timedelta(0)))
    whole = engine.rows(EventBatch(batch)).table
    for row in range(len(given_values)):
        assert engine.rows(EventBatch(batch.slice(row, 1))).table.equals(whole.slice(row, 1))
    engine.close()
