"""What `check` says of the files of the embedded SIEM."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.storage import inspection
from scoreback.records import EventBatch, EventQuery, Finding, ScoreBatch
from tests.unit.connectors.local.conftest import START

MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]
QUERY = EventQuery(selection={"stream": "s"}, fields=("host.name",))


@pytest.fixture
def filled(
    siem: LocalConnector, make_events: MakeEvents, make_scores: MakeScores
) -> LocalConnector:
    siem.intake.add_events("s", make_events(range(10)))
    for minute in range(5):
        siem.scores.write(make_scores([(minute, "a")]), at=START)
    return siem


def findings(siem: LocalConnector) -> list[Finding]:
    return list(LocalConnector.open("t", {"path": siem.store.folder}).check(QUERY))


def test_nothing_is_said_of_what_is_whole(filled: LocalConnector) -> None:
    assert findings(filled) == []


def test_scores_that_are_gone_or_damaged_are_told_and_stop_no_detector(
    filled: LocalConnector,
) -> None:
    first, second, *_ = sorted(filled.store.folder.glob("scores/*.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"?")
    found = findings(filled)
    assert [finding.fatal for finding in found] == [False, False]
    assert any(first.name in f.what and "it is missing" in f.what for f in found)
    assert any(second.name in f.what and "checksum" in f.what for f in found)


def test_many_damaged_segments_are_counted(
    filled: LocalConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "SHOWN", 2)
    for path in filled.store.folder.glob("scores/*.parquet"):
        path.unlink()
    assert [f.what[:6] for f in findings(filled)] == ["segmen", "segmen", "3 more"]


def test_events_that_are_gone_are_fatal_for_who_reads_them(filled: LocalConnector) -> None:
    (path,) = filled.store.folder.glob("events/s/*.parquet")
    path.unlink()
    (finding,) = findings(filled)
    assert finding.fatal
    assert path.name in finding.what


def test_segments_that_nobody_lists_are_told(filled: LocalConnector) -> None:
    (path,) = filled.store.folder.glob("events/s/*.parquet")
    path.with_name("0123.parquet").write_bytes(path.read_bytes())
    (finding,) = findings(filled)
    assert not finding.fatal
    assert "siem.sqlite-wal" in finding.what


def test_a_folder_that_others_can_read_is_told(
    filled: LocalConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def openly(path: Path) -> bool:
        return path == filled.store.folder

    monkeypatch.setattr(inspection, "open_to_others", openly)
    (finding,) = findings(filled)
    assert finding.fix == f"chmod -R go-rwx {filled.store.folder}"
