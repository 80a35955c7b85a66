"""Tables as tools export them: Zeek's logs, TSV, Excel's CSV; made here, in each tool's shape."""

import subprocess
from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import DataError
from tests.unit.connectors.local.loading.test_load import fields, load, reasons, rows

ZEEK = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#open\t2024-05-01-00-00-00
#fields\tts\tuid\tid.orig_h\tservice\tagent
#types\ttime\tstring\taddr\tstring\tstring
1714521600.123456\tC1\t10.0.0.1\t-\t"one quote
1714521601.000001\tC2\t10.0.0.2\tdns\t(empty)
#close\t2024-05-01-01-00-00
"""
TS = LoadMapping(time="ts")


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


@pytest.mark.parametrize("name", ["conn.log", "conn.tsv", "conn.txt"])
def test_a_zeek_log_loads_and_unset_is_absent(
    siem: LocalConnector, tmp_path: Path, name: str
) -> None:
    report = load(siem, tmp_path / name, ZEEK, TS)
    assert (report.rows, report.loaded) == (2, 2)
    assert fields(siem, "service") == [None, "dns"]
    assert fields(siem, "agent") == ['"one quote', None]
    assert fields(siem, "id.orig_h") == ["10.0.0.1", "10.0.0.2"]
    assert str(rows(siem)[0]["event_time"]) == "2024-05-01 00:00:00.123456+00:00"


def test_zeek_logs_one_after_the_other_load_if_their_columns_are_the_same(
    siem: LocalConnector, tmp_path: Path
) -> None:
    more = ZEEK.replace("17145216", "17145217").replace("\\x09", "|").replace("\t", "|")
    assert load(siem, tmp_path / "b.log", more, TS).loaded == 2
    assert load(siem, tmp_path / "a.log", ZEEK + ZEEK.replace("C1", "C3"), TS).loaded == 4
    with pytest.raises(DataError, match="different columns, from line 18"):
        load(siem, tmp_path / "c.log", ZEEK + ZEEK.replace("\tagent", "\tuser"), TS)
    with pytest.raises(DataError, match="#fields"):
        load(siem, tmp_path / "d.log", ZEEK.replace("#fields", "fields"), TS)


def test_a_bad_row_of_a_zeek_log_costs_itself(siem: LocalConnector, tmp_path: Path) -> None:
    broken = ZEEK.encode().replace(b"C1", b"C\xff").replace(b"#close", b"1714521602.0\tC9\n#close")
    assert reasons(load(siem, tmp_path / "a.log", broken, TS)) == {
        "the row is not UTF-8": 1, "2 values in a row of 5 columns": 1,
    }  # fmt: skip


def test_a_quote_in_tsv_joins_no_rows(siem: LocalConnector, tmp_path: Path) -> None:
    data = (
        'ts\tuid\tagent\tn\n1714521600\tC1\t"abc\t1\n1714521601\tC2\tdef"\t2\n'
        '1714521602\tC3\t"ok"\t3\n1714521603\tC4\t"two\nlines"\t4\n1714521604\tC5\t"a"b\t5\n'
    )
    report = load(siem, tmp_path / "a.tsv", data, TS)
    assert (report.loaded, report.rejected) == (5, 0)
    assert fields(siem, "agent") == ['"abc', 'def"', "ok", "two\nlines", '"a"b']
    assert fields(siem, "n") == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("mark", [";", ",", "|", "\t"])
@pytest.mark.parametrize("coded", ["utf-8", "utf-8-sig", "utf-16"])
def test_excels_line_says_what_separates(
    siem: LocalConnector, tmp_path: Path, mark: str, coded: str
) -> None:
    data = f"sep={mark}\r\nts{mark}host\r\n1714521600{mark}ws-1\r\n1714521601{mark}\r\n"
    assert load(siem, tmp_path / "a.csv", data.encode(coded), TS).loaded == 2
    assert fields(siem, "host") == ["ws-1", None]


@pytest.mark.parametrize(
    ("time", "data"),
    [
        ("TimeGenerated [UTC]",  # Sentinel
         '"TimeGenerated [UTC]",Computer,EventID\n"5/1/2024, 10:00:00.123 AM",ws-1,4624\n'),
        ("Timestamp",  # Defender
         '"Timestamp","DeviceName"\n"2024-05-01T10:00:00.1234567Z","ws-1"\n'),
        ("_time",  # Splunk
         '"_time","_raw",host\n"2024-05-01T10:00:00.123+0000","a ""b""\nc",ws-1\n'),
    ],
)  # fmt: skip
def test_csv_of_consoles_loads(siem: LocalConnector, tmp_path: Path, time: str, data: str) -> None:
    assert load(siem, tmp_path / "a.csv", data, LoadMapping(time=time)).loaded == 1
    assert str(rows(siem)[0]["event_time"]).startswith("2024-05-01 10:00:00.123")


@pytest.mark.parametrize("name", ["event_time", "arrival_time", "Event_Time"])
def test_a_field_called_like_a_column_of_ours_is_refused_with_a_remedy_that_works(
    siem: LocalConnector, tmp_path: Path, name: str
) -> None:
    data = f"@timestamp,{name},v\n2024-05-01T00:00:01Z,2024-05-01T00:00:02Z,b\n"
    with pytest.raises(DataError, match="which is a reserved name") as error:
        load(siem, tmp_path / "a.csv", data, LoadMapping())
    assert f"--field other_name={name}" in error.value.hint
    mapping = LoadMapping(fields={"other_name": name})
    assert load(siem, tmp_path / "a.csv", data, mapping).loaded == 1
    if name == "arrival_time":
        assert f"--arrival {name}" in error.value.hint
        assert load(siem, tmp_path / "b.csv", data, LoadMapping(arrival=name)).rejected == 0


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_table_of_command_lines_is_not_taken_for_json(
    siem: LocalConnector, tmp_path: Path, name: str
) -> None:
    commands = ["find . -ls", "{ time ls; } 2>&1", '{"a": 1}', "[ -f x ]", "ls", "ps", "id"]
    lines = [f"{command},{1714521600 + n}" for n, command in enumerate(commands)]
    report = load(siem, tmp_path / name, "\n".join(["command,ts", *lines, ""]), TS)
    assert (report.loaded, report.rejected) == (len(commands), 0)
    assert fields(siem, "command") == commands


def test_lines_of_old_macs_load_as_the_error_proposes(siem: LocalConnector, tmp_path: Path) -> None:
    text = "@timestamp,host\r2024-05-01T00:00:00Z,a\r2024-05-01T00:00:01Z,b\r"
    with pytest.raises(DataError) as refused:
        load(siem, tmp_path / "old.csv", text)
    command = refused.value.hint.split("`")[1]
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)
    assert load_file(siem.store, tmp_path / "lines-old.csv", "s", LoadMapping()).loaded == 2
