"""Columns of times as tools write them: one reading for a column, which the report tells."""

from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading import csv_rows
from scoreback.errors import DataError
from tests.unit.connectors.local.loading.test_load import TIME, fields, load, reasons, rows


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def dates(siem: LocalConnector) -> list[str]:
    return [str(row["event_time"])[:10] for row in rows(siem)]


def test_one_late_day_decides_for_the_whole_column(siem: LocalConnector, tmp_path: Path) -> None:
    data = "time,n\n12/01/2024 09:00:00 AM,1\n13/01/2024 09:00:00 AM,2\n"
    report = load(siem, tmp_path / "a.csv", data)
    assert dates(siem) == ["2024-01-12", "2024-01-13"]
    assert report.orders == {"time": "day first"}


def test_which_reading_was_taken_is_said_where_nothing_tells(
    siem: LocalConnector, tmp_path: Path
) -> None:
    report = load(siem, tmp_path / "a.csv", "time,n\n12/01/2024 09:00:00 AM,1\n")
    assert dates(siem) == ["2024-12-01"]
    assert report.orders == {"time": "month first, as no day after the 12th tells"}


def test_a_day_that_tells_after_many_rows_refuses_the_file_with_a_remedy_that_works(
    siem: LocalConnector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "BATCH_ROWS", 1)
    monkeypatch.setattr(csv_rows, "BLOCK", 1)
    data = 'time,n\n"12/01/2024, 9:00:00.5 AM",1\n"13/01/2024, 9:00:00.5 AM",2\n'
    with pytest.raises(DataError, match="day first") as error:
        load(siem, tmp_path / "a.csv", data)
    assert siem.store.streams() == []
    form = error.value.hint.split("'")[1]
    mapping = LoadMapping(time="time", time_format=form)
    assert load(siem, tmp_path / "a.csv", data, mapping).loaded == 2
    assert dates(siem) == ["2024-01-12", "2024-01-13"]


def test_kibanas_csv_loads_with_its_numbers_and_without_its_marks(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = (
        '"@timestamp","_id",host.name,event.code,"bytes",words\n'
        '"May 1, 2024 @ 10:00:00.123",a,ws-1,"4,624","1,234.5","a, b"\n'
        '"May 1, 2024 @ 10:00:01.000",b,-,-,(empty),"1,2"\n'
    )
    mapping = LoadMapping(id="_id", timezone="Europe/Berlin")
    report = load(siem, tmp_path / "a.csv", data, mapping)
    assert (report.loaded, report.without_offset) == (2, 2)
    assert fields(siem, "event.code") == ["4624", None]
    assert fields(siem, "bytes") == ["1234.5", None]
    assert fields(siem, "words") == ["a, b", "1,2"]
    assert fields(siem, "host.name") == ["ws-1", None]
    assert str(rows(siem)[0]["event_time"]) == "2024-05-01 08:00:00.123000+00:00"


def test_other_exports_keep_commas_and_hyphens(siem: LocalConnector, tmp_path: Path) -> None:
    load(siem, tmp_path / "a.csv", 'time,n\n1642213952,"4,624"\n1642213953,-\n')
    assert fields(siem, "n") == ["4,624", "-"]


def test_numbers_of_no_plausible_year_are_rejected_and_not_moved_to_another_decade(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = "time,n\n133590240000000000,1\n638501184000000000,2\n202405010930,3\n2024050109,4\n"
    report = load(siem, tmp_path / "a.csv", data, TIME)
    assert dates(siem) == ["2024-05-01", "2024-05-01"]
    assert reasons(report) == {"no time that Scoreback can read in 'time'": 2}
    mapping = LoadMapping(time="time", time_format="%Y%m%d%H%M")
    assert load(siem, tmp_path / "b.csv", data, mapping).loaded == 1
