"""An event that is loaded again under another id is told, with the column that names it."""

from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping, LoadReport
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file

ROWS = 40


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def load(
    siem: LocalConnector, path: Path, status: str, *, first: int = 0, id_column: str | None = None
) -> LoadReport:
    """Rows of which those before *first* are as ever, and the others have another *status*."""
    lines = ["time,message,alert_id,bytes,status"]
    for n in range(ROWS):
        said, size = (status, n + 1) if n >= first else ("open", n)
        lines.append(f"2026-02-16T10:00:{n:02}Z,message no {n},A-{n},{size},{said}")
    path.write_text("\n".join(lines))
    return load_file(siem.store, path, "s", LoadMapping(time="time", id=id_column))


def test_rows_with_the_name_and_time_of_an_event_that_was_there_are_counted(
    siem: LocalConnector, tmp_path: Path
) -> None:
    assert load(siem, tmp_path / "open.csv", "open", first=ROWS).alike is None
    report = load(siem, tmp_path / "closed.csv", "closed", first=10)
    assert (report.loaded, report.already_there) == (ROWS - 10, 10)
    assert report.alike == ("alert_id", ROWS - 10)


def test_a_stream_that_was_loaded_without_ids_and_again_with_them_has_its_events_twice(
    siem: LocalConnector, tmp_path: Path
) -> None:
    load(siem, tmp_path / "open.csv", "open", first=ROWS)
    report = load(siem, tmp_path / "again.csv", "open", id_column="alert_id")
    assert report.alike == ("alert_id", ROWS)


def test_new_events_resemble_none_that_are_there(siem: LocalConnector, tmp_path: Path) -> None:
    load(siem, tmp_path / "open.csv", "open", first=ROWS)
    rows = [f"2026-02-17T10:00:{n:02}Z,message no {n},B-{n},{n},open" for n in range(ROWS)]
    path = tmp_path / "later.csv"
    path.write_text("\n".join(["time,message,alert_id,bytes,status", *rows]))
    report = load_file(siem.store, path, "s", LoadMapping(time="time"))
    assert report.loaded == ROWS
    assert report.alike is None
