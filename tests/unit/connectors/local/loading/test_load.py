import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import LoadMapping, LoadReport
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading import ndjson_rows
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import ConfigError, DataError
from scoreback.multivalue import cell
from scoreback.records import EventQuery, TimeWindow

EVER = TimeWindow(since=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))
TIME = LoadMapping(time="time")
Row = dict[str, object]


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def load(
    siem: LocalConnector, path: Path, data: str | bytes, mapping: LoadMapping = TIME
) -> LoadReport:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return load_file(siem.store, path, "s", mapping)


def rows(siem: LocalConnector, *fields: str) -> list[Row]:
    query = EventQuery(selection={"stream": "s"}, fields=fields)
    return [
        row
        for piece in siem.events.slices(query, EVER)
        for batch in siem.events.read(piece)
        for row in batch.batch.to_pylist()
    ]


def fields(siem: LocalConnector, name: str) -> list[object]:
    return [row[name] for row in rows(siem, name)]


def reasons(report: LoadReport) -> dict[str, int]:
    return {reason: rejected.count for reason, rejected in report.reasons.items()}


def ndjson(*events: object) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def test_csv_is_loaded_once_however_often_it_is_loaded(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = "time,host,port\n1642213952,a,22.50\n1642213952,a,22.50\n1642213953,b,\n"
    first = load(siem, tmp_path / "a.csv", data)
    again = load(siem, tmp_path / "a.csv", data)
    assert (first.rows, first.loaded, first.rejected) == (3, 3, 0)
    assert (again.rows, again.loaded, again.already_there) == (3, 0, 3)
    assert fields(siem, "port") == ["22.50", "22.50", None]
    assert len({row["event_id"] for row in rows(siem)}) == 3


def test_an_overlapping_export_adds_only_what_is_new(siem: LocalConnector, tmp_path: Path) -> None:
    lines = [f"{1642213952 + i // 3},host{i % 2}\n" for i in range(20)]
    load(siem, tmp_path / "a.csv", "time,host\n" + "".join(lines[:12]))
    report = load(
        siem, tmp_path / "b.csv.gz", gzip.compress(("time,host\n" + "".join(lines)).encode())
    )
    assert (report.loaded, report.already_there) == (8, 12)
    assert len(rows(siem)) == 20


def test_columns_in_another_order_are_the_same_rows(siem: LocalConnector, tmp_path: Path) -> None:
    load(siem, tmp_path / "a.csv", "time,host,user\n1642213952,h,u\n")
    assert load(siem, tmp_path / "b.csv", "user,time,host\nu,1642213952,h\n").already_there == 1
    assert (
        load(
            siem, tmp_path / "c.ndjson", ndjson({"user": "u", "time": 1642213952, "host": "h"})
        ).already_there
        == 1
    )


def test_equal_rows_of_two_streams_have_different_ids(siem: LocalConnector, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,host\n1642213952,h\n")
    for stream in ("net-a", "net-b"):
        load_file(siem.store, path, stream, TIME)
    query = EventQuery(selection={"stream": "net-*"}, fields=())
    found = [b for piece in siem.events.slices(query, EVER) for b in siem.events.read(piece)]
    assert len({i for b in found for i in b.batch.column("event_id").to_pylist()}) == 2
    assert not siem.check(query)


def test_the_id_column_stays_a_field_unless_it_is_called_like_ours(
    siem: LocalConnector, tmp_path: Path
) -> None:
    load(siem, tmp_path / "a.csv", "cve,time\nc1,1642213952\n", LoadMapping(time="time", id="cve"))
    assert [(r["event_id"], r["cve"]) for r in rows(siem, "cve")] == [("c1", "c1")]
    ours = LoadMapping(time="time", id="Event_ID")
    report = load(siem, tmp_path / "b.csv", "Event_ID,time\ne1,1642213953\n", ours)
    assert report.loaded == 1
    assert siem.events.fields({"stream": "s"}) == ("cve",)


def test_an_id_column_names_events_and_the_first_of_equal_ids_wins(
    siem: LocalConnector, tmp_path: Path
) -> None:
    mapping = LoadMapping(time="time", id="uid", fields={"host.name": "host"})
    data = (
        "uid,time,host,other\nx,1642213952,first,1\nx,1642213953,second,2\n"
        "y,1642213954,z,3\n,1642213955,q,4\n"
    )
    report = load(siem, tmp_path / "a.csv", data, mapping)
    assert (report.loaded, report.repeated, report.rejected) == (2, 1, 1)
    assert reasons(report) == {"no id in 'uid'": 1}
    assert [(r["event_id"], r["host.name"]) for r in rows(siem, "host.name")] == [
        ("x", "first"),
        ("y", "z"),
    ]


def test_event_time_is_clamped_to_arrival_and_offsets_are_kept(
    siem: LocalConnector, tmp_path: Path
) -> None:
    mapping = LoadMapping(time="t", arrival="seen")
    data = (
        "t,seen,n\n2024-05-01T10:00:00+02:00,2024-05-01T08:00:05Z,1\n"
        "2024-05-01 09:00:00,2024-05-01T08:30:00Z,2\n"
    )
    report = load(siem, tmp_path / "a.csv", data, mapping)
    assert (report.clamped, report.without_offset) == (1, 1)
    assert [(r["event_time"], r["arrival_time"]) for r in rows(siem)] == [
        (datetime(2024, 5, 1, 8, tzinfo=UTC), datetime(2024, 5, 1, 8, 0, 5, tzinfo=UTC)),
        (datetime(2024, 5, 1, 8, 30, tzinfo=UTC), datetime(2024, 5, 1, 8, 30, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiters_and_quotes(siem: LocalConnector, tmp_path: Path, delimiter: str) -> None:
    lines = [
        ["time", "text", "n"],
        ["2024-05-01T10:00:00Z", f'"a {delimiter} ""b"""', "1"],
        ["2024-05-01T10:00:01Z", '"two\nlines"', "2"],
    ]
    data = "\ufeff" + "\r\n".join(delimiter.join(line) for line in lines)
    report = load(siem, tmp_path / "a.csv", data)
    assert report.loaded == 2
    assert fields(siem, "text") == [f'a {delimiter} "b"', "two\nlines"]


def test_ndjson_is_flattened_and_keeps_numbers_as_written(
    siem: LocalConnector, tmp_path: Path
) -> None:
    lines = [
        '{"time": 1642213952, "source": {"ip": "10.0.0.1", "port": 1.10}, "ok": true, "e": ""}',
        '{"time": 1642213953, "source.ip": "10.0.0.2", "tags": ["a", "b"], "l": [], "none": null}',
        '{"time": 1642213954, "big": 12345678901234567890123, "x": NaN, "list": [{"deep": 1}]}',
    ]
    report = load(siem, tmp_path / "a.ndjson", "\n".join(lines))
    assert report.loaded == 3
    names = ("source.ip", "source.port", "ok", "e", "tags", "big", "x", "list.deep")
    assert [tuple(row[n] for n in names) for row in rows(siem, *names)] == [
        ("10.0.0.1", "1.10", "true", "", None, None, None, None),
        ("10.0.0.2", None, None, None, cell(["a", "b"]), None, None, None),
        (None, None, None, None, None, "12345678901234567890123", "NaN", "1"),
    ]


def test_parquet_is_loaded_with_its_types_as_text(siem: LocalConnector, tmp_path: Path) -> None:
    table = pa.table(
        {
            "time": pa.array([1714557600000, 1714557601000], pa.timestamp("ms", "Europe/Vienna")),
            "port": pa.array([443, None], pa.int32()),
            "score": pa.array([22.5, 1e-7]),
            "ok": pa.array([True, False]),
            "source": pa.array([{"ip": "a"}, None], pa.struct([("ip", pa.string())])),
            "tags": pa.array([["x", "y"], []], pa.list_(pa.string())),
            "kind": pa.array(["k", "k"]).dictionary_encode(),
            "when": pa.array([1714557600000, None], pa.timestamp("ms")),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    report = load_file(siem.store, path, "s", TIME)
    assert (report.loaded, report.without_offset) == (2, 0)
    names = ("port", "score", "ok", "source.ip", "tags", "kind", "when")
    assert [tuple(row[n] for n in names) for row in rows(siem, *names)] == [
        ("443", "22.5", "true", "a", cell(["x", "y"]), "k", "2024-05-01T10:00:00.000"),
        (None, "1e-7", "false", None, None, "k", None),
    ]
    assert load_file(siem.store, path, "s", TIME).already_there == 2


def test_progress_reaches_the_files_size(siem: LocalConnector, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"time\n" + b"1642213952\n" * 1000, mtime=0))
    told: list[tuple[int, int]] = []
    load_file(siem.store, path, "s", TIME, lambda done, size: told.append((done, size)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_rejected_rows_are_kept_whole_with_line_and_reason(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = (
        b"time,host\n1642213952,a\nyesterday,b\n1642213953,\xff\xfe\n1642213954\n,c\n"
        b"1642213955,d,e\n1642213956,f\n"
    )
    report = load(siem, tmp_path / "a.csv", data)
    assert (report.rows, report.loaded, report.rejected) == (7, 2, 5)
    assert reasons(report) == {
        "no time that Scoreback can read in 'time'": 1,
        "the row is not UTF-8": 1,
        "1 values in a row of 2 columns": 1,
        "no time in 'time'": 1,
        "3 values in a row of 2 columns": 1,
    }
    assert report.rejects is not None
    kept = {r["line"]: r for r in map(json.loads, report.rejects.read_text().splitlines())}
    assert sorted(kept) == [3, 4, 5, 6, 7]
    assert kept[3]["row"] == "yesterday,b"
    assert kept[4]["row"].encode(errors="surrogateescape") == b"1642213953,\xff\xfe\n"
    assert report.reasons["the row is not UTF-8"].examples == [(4, "1642213953,\\udcff\\udcfe")]


def test_a_stray_quote_costs_one_row(siem: LocalConnector, tmp_path: Path) -> None:
    lines = [f'164221{3000 + i},"host {i}"' for i in range(3000)]
    lines[1000] = '1642213000,"never closed'
    report = load(siem, tmp_path / "a.csv", "time,host\n" + "\n".join(lines) + "\n")
    assert (report.loaded, report.rejected) == (2999, 1)
    assert next(iter(report.reasons.values())).examples[0][0] == 1002


def test_a_field_of_ten_megabytes_costs_its_row(siem: LocalConnector, tmp_path: Path) -> None:
    big = "x" * 10_000_000
    csv = load(
        siem, tmp_path / "a.csv", f"time,host\n1642213952,a\n1642213953,{big}\n1642213954,b\n"
    )
    assert (csv.loaded, reasons(csv)) == (2, {"a field is longer than 1,000,000 characters": 1})
    events = [{"time": 1642213960 + i, "host": h} for i, h in enumerate(["c", big, "d"])]
    json_ = load(siem, tmp_path / "a.ndjson", ndjson(*events))
    assert (json_.loaded, reasons(json_)) == (2, {"a field is longer than 1,000,000 characters": 1})
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([{**e, "time": str(e["time"])} for e in events]), path)
    assert load_file(siem.store, path, "s", TIME).rejected == 1
    assert fields(siem, "host") != []


def test_a_line_longer_than_memory_should_hold_costs_itself(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = b"time,host\n1642213952,a\n1642213953," + b"x" * 17_000_000 + b"\n1642213954,b\n"
    report = load(siem, tmp_path / "a.csv", data)
    assert (report.loaded, reasons(report)) == (2, {"the row is longer than 16,000,000 bytes": 1})


def test_ndjson_lines_that_are_no_events_are_rejected(siem: LocalConnector, tmp_path: Path) -> None:
    lines = [
        '{"time": 1642213952, "a": 1}',
        "[1, 2]",
        "17",
        '{"time": 1642213952, "a": ',
        "[" * 5000,
        '{"time": 1642213952, ' + '"a": {' * 50 + "}" * 51,
        '{"time": 1642213952, "a": "\\ud800"}',
        '{"time": 1642213952, "": 1}',
        '{"a": 1}',
        "",
    ]
    report = load(siem, tmp_path / "a.ndjson", "\n".join(lines))
    assert (report.rows, report.loaded, report.rejected) == (9, 1, 8)
    assert reasons(report)["not a JSON object"] == 2
    assert reasons(report)["no time in 'time'"] == 1


def test_one_wrong_type_among_many_rows_costs_one_row(siem: LocalConnector, tmp_path: Path) -> None:
    lines = [f"{1642213952 + i},{i}" for i in range(5000)]
    lines[3000] = "NaN,three"
    lines[4000] = "1642213952,Infinity"
    report = load(siem, tmp_path / "a.csv", "time,n\n" + "\n".join(lines))
    assert (report.loaded, report.rejected) == (4999, 1)
    assert "Infinity" in fields(siem, "n")


@pytest.mark.parametrize(
    ("mapping", "missing"),
    [
        (LoadMapping(), "@timestamp"),
        (LoadMapping(time="time", id="uid"), "uid"),
        (LoadMapping(time="time", arrival="seen"), "seen"),
        (LoadMapping(time="time", fields={"user.name": "usr"}), "usr"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    siem: LocalConnector, tmp_path: Path, mapping: LoadMapping, missing: str, ending: str
) -> None:
    data = "time,user\n1642213952,u\n" if ending == "csv" else ndjson({"time": 1, "user": "u"})
    with pytest.raises(ConfigError, match=f"no column '{missing}'") as error:
        load(siem, tmp_path / f"a.{ending}", data, mapping)
    assert "time, user" in error.value.hint
    assert siem.store.streams() == []


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.csv", b"PK\x03\x04 an Excel sheet", "zip"),
        ("a.csv.gz", gzip.compress(b"PAR1....", mtime=0), "such as Parquet"),
        ("a.csv", b"t\0i\0m\0e\0\n\0", "binary data or UTF-16"),
        ("a.ndjson", b"time: 1642213952\n", "no line begins with a JSON object"),
        ("a.parquet", b"time,a\n", "does not begin as Parquet files do"),
        ("a.evtx", b"ElfFile\0" + b"\0" * 100, "Windows event log"),
        ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "is damaged"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"time,a,a\n1642213952,1,2\n", "more than one column called 'a'"),
        ("a.csv", b"\xff\xe9time,a\n1642213952,1\n", "not a header"),
        ("a.csv", b"time,a\r1642213952,1\r", "not a header"),
        ("a.csv", b"time,event_id\n1642213952,1\n", "which is a reserved name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_nothing_is_loaded(
    siem: LocalConnector, tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    with pytest.raises(DataError, match=says) as error:
        load(siem, tmp_path / name, data)
    assert error.value.hint
    assert siem.store.streams() == []


def test_an_unknown_ending_and_a_missing_file_are_refused(
    siem: LocalConnector, tmp_path: Path
) -> None:
    for name in ("a.xlsx", "a", "a.parquet.gz", "not-there.csv"):
        if not name.startswith("not"):
            (tmp_path / name).write_text("x")
        with pytest.raises((ConfigError, DataError)):
            load_file(siem.store, tmp_path / name, "s", TIME)


def test_a_truncated_gz_loads_nothing(siem: LocalConnector, tmp_path: Path) -> None:
    lines = b"".join(b"%d,%d\n" % (1642213952 + i, i * i) for i in range(50_000))
    whole = gzip.compress(b"time,a\n" + lines, mtime=0)
    with pytest.raises(DataError, match="cut off"):
        load(siem, tmp_path / "a.csv.gz", whole[: len(whole) // 2])
    broken = bytearray(whole)
    broken[len(whole) * 3 // 4] ^= 0xFF
    with pytest.raises(DataError, match="damaged"):
        load(siem, tmp_path / "a.csv.gz", bytes(broken))
    assert siem.store.streams() == []
    assert not list(siem.store.folder.rglob("*.parquet"))
    assert load(siem, tmp_path / "a.csv.gz", whole).loaded == 50_000


def test_too_many_fields_are_refused_unless_the_wanted_ones_are_named(
    siem: LocalConnector, tmp_path: Path
) -> None:
    events = [{"time": 1642213952 + i, "host": "h", f"k{i}": i} for i in range(2100)]
    with pytest.raises(DataError, match="more than 2,000") as error:
        load(siem, tmp_path / "a.ndjson", ndjson(*events))
    assert error.value.hint == "name the fields to load with --field"
    mapping = LoadMapping(time="time", fields={"host.name": "host"})
    assert load(siem, tmp_path / "a.ndjson", ndjson(*events), mapping).loaded == 2100
    assert fields(siem, "host.name") == ["h"] * 2100


def test_equal_rows_are_told_apart_across_batches(
    siem: LocalConnector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson_rows, "BATCH_ROWS", 10)
    events = [{"time": 1642213952 + i % 7, "host": "h"} for i in range(100)]
    assert load(siem, tmp_path / "a.ndjson", ndjson(*events[:60])).loaded == 60
    report = load(siem, tmp_path / "b.ndjson", ndjson(*events))
    assert (report.loaded, report.already_there) == (40, 60)
    found = rows(siem)
    assert len({row["event_id"] for row in found}) == 100
    keys = [(str(row["arrival_time"]), str(row["event_id"])) for row in found]
    assert keys == sorted(keys)


MANY = 40_000  # as many keys took a minute each when types were made of them
WIDE = {"time": 1642213952, **{f"k{n}": n for n in range(MANY)}}


@pytest.mark.parametrize(
    "document",
    [
        WIDE,
        {"time": 1642213952, "a": {f"k{n}": n for n in range(MANY)}},
        {"time": 1642213952, **{f"k{n}": {"b": n} for n in range(MANY)}},
    ],
    ids=["beside each other", "in one object", "in objects of their own"],
)
def test_a_document_of_very_many_keys_is_refused_with_what_to_do(
    siem: LocalConnector, tmp_path: Path, document: Row
) -> None:
    with pytest.raises(DataError, match="more than 2,000 distinct fields") as refused:
        load(siem, tmp_path / "a.ndjson", ndjson(document))
    assert refused.value.hint == "name the fields to load with --field"
    assert rows_of_a_new(siem, tmp_path) == 1


def rows_of_a_new(siem: LocalConnector, tmp_path: Path) -> int:
    """How many rows of the same document are loaded when the fields are named."""
    mapping = LoadMapping(time="time", fields={"x": "k7"})
    return load(siem, tmp_path / "b.ndjson", ndjson(WIDE), mapping).loaded


def test_a_header_of_very_many_columns_is_refused_with_what_to_do(
    siem: LocalConnector, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="40,001 columns, more than 2,000"):
        load(siem, tmp_path / "a.csv", ",".join(WIDE) + "\n")
    twice = ["time", *(f"k{n // 2}" for n in range(MANY))]
    with pytest.raises(DataError, match="more than one column called 'k0'"):
        load(siem, tmp_path / "b.csv", ",".join(twice) + "\n")
    pq.write_table(pa.table({name: [1] for name in WIDE}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="40,001 fields, more than 2,000"):
        load_file(siem.store, tmp_path / "c.parquet", "s", TIME)


@pytest.mark.parametrize("deep", ['{"a":', "["])
def test_a_document_nested_without_end_is_rejected_alone(
    siem: LocalConnector, tmp_path: Path, deep: str
) -> None:
    closed = "}" if deep.startswith("{") else "]"
    nested = f'{{"time": 1642213952, "a": {deep * MANY}1{closed * MANY}}}'
    report = load(siem, tmp_path / "a.ndjson", f'{{"time": 1642213953}}\n{nested}\n')
    assert report.loaded == 1
    assert reasons(report) == {"nested deeper than 32 levels": 1}
