"""Lists in exports: every value is loaded, from Parquet as from NDJSON."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors.intake import LoadMapping
from scoreback.connectors.json.flatten import flattened, parsed
from scoreback.connectors.local.connector import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.connectors.local.loading.parquet_rows import ParquetRows
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.rows import Wanted
from scoreback.multivalue import MARK, values_of
from scoreback.records import EventQuery, TimeWindow

EVER = TimeWindow(since=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))

texts = st.none() | st.text(alphabet=["a", "b", "\ufdd0", "\ufdd1", "1"], max_size=3)
numbers = st.none() | st.integers(-(2**62), 2**62)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), texts),
    "texts": (pa.list_(pa.string()), st.none() | st.lists(texts, max_size=3)),
    "lists": (
        pa.list_(pa.large_list(pa.int64())),
        st.none() | st.lists(st.none() | st.lists(numbers, max_size=2), max_size=3),
    ),
    "pair": (pa.list_(pa.int64(), 2), st.none() | st.lists(numbers, min_size=2, max_size=2)),
    "codes": (pa.list_(pa.dictionary(pa.int32(), pa.string())), st.none() | st.lists(texts)),
    "answers": (
        pa.list_(pa.struct([("data", pa.string()), ("ttl", pa.list_(pa.int64()))])),
        st.none()
        | st.lists(
            st.none()
            | st.fixed_dictionaries(
                {"data": texts, "ttl": st.none() | st.lists(numbers, max_size=2)}
            ),
            max_size=3,
        ),
    ),
    "answers.data": (pa.list_(pa.string()), st.none() | st.lists(texts, max_size=2)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: values for name, (_, values) in KINDS.items()}), max_size=5
    )
)
def test_parquet_gives_every_value_that_the_same_json_gives(
    folder: Path, rows: list[dict[str, Any]]
) -> None:
    schema = pa.schema([(name, kind) for name, (kind, _) in KINDS.items()])
    path = folder / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    wanted = Wanted(columns=None, content=None, max_columns=100)
    with Rejects(folder / "rejects.ndjson") as rejects:
        (found,) = ParquetRows(path, wanted, rejects)
        assert rejects.count == 0
    for row, given_row in enumerate(rows):
        expected = flattened(parsed(json.dumps(given_row)))
        assert {n: c[row].as_py() for n, c in found.columns.items() if c[row].is_valid} == expected


def read(siem: LocalConnector, *names: str) -> list[list[list[str] | None]]:
    query = EventQuery(selection={"stream": "s"}, fields=names)
    found: list[list[list[str] | None]] = []
    for piece in siem.events.slices(query, EVER):
        for batch in siem.events.read(piece):
            columns = [batch.batch.column(name).to_pylist() for name in names]
            found += [
                [None if text is None else values_of(text) for text in row]
                for row in zip(*columns, strict=True)
            ]
    return found


def test_lists_of_an_ndjson_export_come_back_from_the_stream(
    siem: LocalConnector, tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    lines = [
        '{"time": 1, "process": {"args": ["cmd", "/c", "a, b"]}, "tags": []}',
        '{"time": 2, "dns": {"answers": [{"data": "a"}, {"data": "b"}]}, "process.args": "cmd"}',
    ]
    path.write_text("\n".join(line.replace('"time": ', '"time": 164221395') for line in lines))
    report = load_file(siem.store, path, "s", LoadMapping(time="time"))
    assert report.loaded == 2
    found = read(siem, "process.args", "dns.answers.data")
    assert found == [[["cmd", "/c", "a, b"], None], [["cmd"], ["a", "b"]]]


def test_rows_that_differ_in_a_later_value_only_are_two_events(
    siem: LocalConnector, tmp_path: Path
) -> None:
    for name, last in (("a", "x"), ("b", "y")):
        path = tmp_path / f"{name}.ndjson"
        path.write_text(f'{{"time": 1642213952, "tags": ["first", "{last}"]}}')
        assert load_file(siem.store, path, "s", LoadMapping(time="time")).loaded == 1


def test_an_id_and_a_time_in_lists_are_their_first_values(
    siem: LocalConnector, tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"time": [1642213952, 1642213960], "id": ["e1", "e2"], "x": 1}')
    assert load_file(siem.store, path, "s", LoadMapping(time="time", id="id")).loaded == 1
    query = EventQuery(selection={"stream": "s"}, fields=("x",))
    (batch,) = siem.events.read(siem.events.slices(query, EVER)[0])
    assert batch.batch.column("event_id").to_pylist() == ["e1"]
    assert batch.batch.column("event_time").cast(pa.int64()).to_pylist() == [1642213952 * 10**6]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_text_that_looks_like_a_list_is_one_value(
    siem: LocalConnector, tmp_path: Path, kind: str
) -> None:
    path, odd = tmp_path / f"a.{kind}", f"{MARK}a{MARK}b"
    if kind == "csv":
        path.write_text(f"time,x\n1642213952,{odd}\n")
    elif kind == "ndjson":
        path.write_text(json.dumps({"time": 1642213952, "x": odd}))
    else:
        pq.write_table(pa.table({"time": ["1642213952"], "x": [odd]}), path)
    load_file(siem.store, path, "s", LoadMapping(time="time"))
    assert read(siem, "x") == [[[odd]]]


def test_a_list_too_long_to_be_a_field_is_rejected(siem: LocalConnector, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    tags = [["x" * 1000] * 1001, ["y", "z"]]
    pq.write_table(pa.table({"time": ["1642213952", "1642213953"], "tags": tags}), path)
    report = load_file(siem.store, path, "s", LoadMapping(time="time"))
    assert (report.loaded, report.rejected) == (1, 1)
    assert read(siem, "tags") == [[["y", "z"]]]


def test_a_list_with_bytes_that_are_no_text_is_rejected_and_kept(
    siem: LocalConnector, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    tags = pa.array([[b"a", b"\xff"], [b"b", b"c"]], pa.list_(pa.binary()))
    pq.write_table(pa.table({"time": ["1642213952", "1642213953"], "tags": tags}), path)
    report = load_file(siem.store, path, "s", LoadMapping(time="time"))
    assert (report.loaded, report.rejected) == (1, 1)
    assert read(siem, "tags") == [[["b", "c"]]]
