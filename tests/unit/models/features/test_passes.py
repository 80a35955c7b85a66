"""A pass over a column gives what a query would; so no engine is opened where passes do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoreback.engine import open_engine
from scoreback.models.detector.spec import EventFeature
from scoreback.models.features import event_features
from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.features.passes import Read, passed
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch

OCTET = st.sampled_from(["10", "127", "172", "192", "168", "169", "254", "16", "31", "32", "8"])
V4 = st.lists(OCTET, min_size=3, max_size=5).map(".".join)
V6 = st.text("fFcCdDeE89abAB0:.", max_size=8)
TEXTS = st.text(max_size=6) | V4 | V6 | (V4 | V6).map(lambda text: text + "\n")
FLOATS = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1e308, 5e-324])
PRIVATE = (
    r"^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2[0-9]|3[01])\.)"
    r"|^(::1$|[fF][cCdD][0-9a-fA-F]{0,2}:|[fF][eE][89abAB][0-9a-fA-F]?:)"
)
ANY = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$"
QUERIES = {
    "category": "nullif(x, '')",
    "length": "length(nullif(x, ''))::DOUBLE",
    "digits": "length(regexp_replace(nullif(x, ''), '[^0-9]', '', 'g'))::DOUBLE",
    "is_private_ip": f"CASE WHEN regexp_matches(nullif(x, ''), '{ANY}')"
    f" THEN regexp_matches(x, '{PRIVATE}')::INT::DOUBLE END",
    "ratio": "CASE WHEN isfinite(x) THEN x END / nullif(CASE WHEN isfinite(y) THEN y END, 0)",
    "hour_of_day": "hour(x)::DOUBLE",
    "day_of_week": "isodow(x)::DOUBLE",
}


def asked(kind: str, batch: pa.RecordBatch, engine: duckdb.DuckDBPyConnection) -> pa.Array:
    given = pa.Table.from_batches([batch]).append_column("n", pa.array(range(batch.num_rows)))
    query = f"SELECT {QUERIES[kind]} AS found FROM given ORDER BY n"  # noqa: S608 - ours
    found = engine.sql(query).to_arrow_table()["found"].combine_chunks()
    assert given.num_rows == len(found)
    return found


def agrees(kind: str, batch: pa.RecordBatch, engine: duckdb.DuckDBPyConnection) -> None:
    """Also for a slice, whose texts do not begin where their data does."""
    for part in (batch, batch.slice(1)):
        found = passed(Read(kind, "x", "y", None, "first"), part)
        assert found is not None
        np.testing.assert_equal(found.to_pylist(), asked(kind, part, engine).to_pylist())


@pytest.mark.parametrize("kind", ["category", "length", "digits", "is_private_ip"])
def test_texts_are_passed_over_as_a_query_reads_them(kind: str) -> None:
    @given(st.lists(TEXTS | st.none(), min_size=1, max_size=20))
    @example(
        ["", "10.0.0.1", "10.0.0.1\n", "::1", "::1\n", "fe80::1", "a🤦🏼\u200d♂️b", "\x00", None]
    )
    def agree(texts: list[str | None]) -> None:
        agrees(kind, pa.record_batch({"x": pa.array(texts, pa.string())}), engine)

    with open_engine("100MB", threads=1) as engine:
        agree()


def test_numbers_are_divided_as_by_a_query() -> None:
    @given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
    @example([(1e308, 1e-10), (1.0, -0.0), (float("nan"), 1.0), (1.0, float("inf"))])
    def agree(pairs: list[tuple[float | None, float | None]]) -> None:
        above, below = zip(*pairs, strict=True)
        arrays = {"x": pa.array(above, pa.float64()), "y": pa.array(below, pa.float64())}
        agrees("ratio", pa.record_batch(arrays), engine)

    with open_engine("100MB", threads=1) as engine:
        agree()


@pytest.mark.parametrize("kind", ["hour_of_day", "day_of_week"])
def test_times_are_passed_over_as_a_query_reads_them(kind: str) -> None:
    moments = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone

    @given(st.lists(moments, min_size=1))
    def agree(times: list[datetime]) -> None:
        agrees(kind, pa.record_batch({"x": pa.array(times, TIME)}), engine)

    with open_engine("100MB", threads=1) as engine:
        agree()


@pytest.mark.parametrize("kind", ["number", "ratio", "hour_of_day", "day_of_week"])
def test_text_that_has_to_be_understood_is_left_to_a_query(kind: str) -> None:
    texts = pa.array(["1"], pa.string())
    assert (
        passed(Read(kind, "x", "y", None, "first"), pa.record_batch({"x": texts, "y": texts}))
        is None
    )


def rows_of(kinds: Sequence[str], engine: EventFeatures) -> pa.Table:
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    schema = pa.schema([*EVENT_COLUMNS, pa.field("x", pa.string())])
    values = [["a"], ["r"], [moment], [moment], ["10.0.0.1"]]
    arrays = [pa.array(v, f.type) for v, f in zip(values, schema, strict=True)]
    batch = EventBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    found = engine.rows(batch).table
    assert found.num_columns == len(kinds)
    return found


def test_no_engine_is_opened_for_passes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(event_features, "open_engine", lambda *_, **__: opened.append("one"))
    kinds = ["category", "length", "digits", "is_private_ip"]
    features = tuple(
        EventFeature.model_validate({"kind": k, "field": "x", "name": k}) for k in kinds
    )
    found = rows_of(kinds, EventFeatures(FeaturePlan(features, timedelta(0))))
    assert found.to_pylist() == [
        {"category": "10.0.0.1", "length": 8, "digits": 5, "is_private_ip": 1}
    ]
    assert not opened
