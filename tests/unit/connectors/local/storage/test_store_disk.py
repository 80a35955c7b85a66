"""The embedded SIEM on a disk that is full, shared or damaged: said as what it is."""

import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import EventBatch, ScoreBatch
from tests.small_disk import fill, small_disk
from tests.unit.connectors.local.conftest import START
from tests.unit.connectors.local.storage.test_store import count, start

MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]


def test_a_full_disk_is_told_as_one_and_nothing_is_lost(
    tmp_path: Path, make_events: MakeEvents, make_scores: MakeScores
) -> None:
    with small_disk(tmp_path, 2048) as disk:
        folder = disk / "siem"
        siem = LocalConnector.open("t", {"path": folder})
        siem.intake.add_events("s", make_events(range(10)))
        filler = fill(disk)
        for write in (
            lambda: siem.intake.add_events("s", make_events(range(10, 3000))),
            lambda: siem.scores.write(make_scores([(m, "a") for m in range(500)]), at=START),
            lambda: LocalConnector.open("t", {"path": disk / "another"}),
        ):
            with pytest.raises(SiemUnavailable, match=r"disk is full") as caught:
                write()
            assert "damaged" not in caught.value.message
            assert "free some space" in caught.value.hint
        filler.unlink()
        assert count(LocalConnector.open("t", {"path": folder})) == 10
        assert (
            siem.scores.write(make_scores([(m, "a") for m in range(500)]), at=START).written == 500
        )


def test_everything_in_it_is_its_owners_whatever_the_umask(
    tmp_path: Path, make_events: MakeEvents, make_scores: MakeScores
) -> None:
    export = tmp_path / "a.csv"
    export.write_text("time,host.name\n1709251200,h\nnever,h\n", encoding="utf-8")
    before = os.umask(0)
    try:
        siem = LocalConnector.open("t", {"path": tmp_path / "home" / "siem"})
        siem.intake.add_events("s", make_events(range(10)))
        siem.scores.write(make_scores([(1, "a")]), at=START)
        assert load_file(siem.store, export, "t", LoadMapping(time="time")).rejected == 1
    finally:
        os.umask(before)
    found = list((tmp_path / "home").rglob("*"))
    assert any(path.name.endswith(".ndjson") for path in found)
    for path in (tmp_path / "home", *found):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_link_in_the_place_of_our_files_is_never_written_through(
    tmp_path: Path, make_events: MakeEvents
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "siem"
    folder.mkdir()
    (folder / "siem.sqlite.lock").symlink_to(victim)
    with pytest.raises(SiemUnavailable, match="symbolic link") as caught:
        LocalConnector.open("t", {"path": folder})
    assert "remove the symbolic link" in caught.value.hint
    (folder / "siem.sqlite.lock").unlink()
    siem = LocalConnector.open("t", {"path": folder})
    (folder / "staging" / "s.lock").symlink_to(victim)
    with pytest.raises(SiemUnavailable, match="symbolic link"):
        siem.intake.add_events("s", make_events(range(10)))
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("task", ["frozen_while_writing", "frozen_while_opening"])
def test_reading_does_not_wait_for_a_writer_that_is_frozen(
    siem: LocalConnector, make_events: MakeEvents, task: str, tmp_path: Path
) -> None:
    siem.intake.add_events("s", make_events(range(10)))
    frozen = start(task, siem.store.folder, folder=tmp_path)
    try:
        while not (siem.store.folder / "frozen").exists():
            assert frozen.poll() is None
        assert count(LocalConnector.open("t", {"path": siem.store.folder})) == 10
    finally:
        frozen.send_signal(signal.SIGKILL)
        frozen.wait()


def test_a_lost_ledger_is_told_also_where_only_scores_are_left(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.scores.write(make_scores([(1, "a")]), at=START)
    siem.store.ledger.path.write_bytes(b"")
    with pytest.raises(SiemRefused, match=r"siem\.sqlite is missing") as caught:
        LocalConnector.open("t", {"path": siem.store.folder})
    assert "siem.sqlite-wal" in caught.value.hint


def test_a_damaged_list_of_segments_is_told_when_it_is_opened(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(10)))
    path = siem.store.ledger.path
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = file.execute("PRAGMA page_size").fetchone()[0]
        page = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'segments'")
        start_of = (page.fetchone()[0] - 1) * size
    file.close()
    content = bytearray(path.read_bytes())
    content[start_of + 8 : start_of + size] = b"\xa5" * (size - 8)
    path.write_bytes(content)
    with pytest.raises(SiemRefused, match="is damaged"):
        LocalConnector.open("t", {"path": siem.store.folder})


def test_what_a_killed_load_left_is_swept_when_it_is_opened(siem: LocalConnector) -> None:
    folder = siem.store.staging / ".0123456789abcdef.draft"
    folder.mkdir()
    (folder / "0.parquet").write_bytes(b"half")
    LocalConnector.open("t", {"path": siem.store.folder})
    assert not folder.exists()
