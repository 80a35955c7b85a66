import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import AlertQuery, LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.connectors.local.storage.segments import listed
from scoreback.deployment import AlertRule
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.records import (
    EventBatch,
    EventQuery,
    ScoreBatch,
    Severity,
    TimeWindow,
    Verdict,
)
from tests.unit.connectors.local.raising import NOW, score

START = datetime(2024, 3, 1, tzinfo=UTC)
EVER = TimeWindow(since=START - timedelta(days=1), until=START + timedelta(days=99))
QUERY = EventQuery(selection={"stream": "s"}, fields=("host.name",))
RULE = AlertRule(
    name="r", detector="d", version="v1-aa", per_entity=99,
    throttle=timedelta(0), budget=20.0, severity=Severity.LOW,
)  # fmt: skip
TASKS = Path(__file__).with_name("processes.py")
MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]


def count(siem: LocalConnector) -> int:
    return sum(
        b.num_rows for piece in siem.events.slices(QUERY, EVER) for b in siem.events.read(piece)
    )


def start(task: str, *args: object, folder: Path) -> subprocess.Popen[bytes]:
    """Run *task* of `processes.py` in a process of its own."""
    parcel = folder / f"{uuid.uuid4()}.pickle"
    parcel.write_bytes(pickle.dumps(args))
    return subprocess.Popen([sys.executable, "-W", "error", TASKS, task, parcel])


def run(task: str, *args: object, folder: Path) -> int:
    """The exit code of *task*."""
    return start(task, *args, folder=folder).wait(60)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({}, "path"), ({"path": 7}, "not the name of a folder"), ({"path": "x", "hots": 1}, "'hots'")],
)
def test_settings_are_checked(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        LocalConnector.open("t", settings)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SiemUnavailable, match="cannot open"):
        LocalConnector.open("t", {"path": str(tmp_path / "file" / "siem")})


def test_a_damaged_segment_is_named_with_a_remedy(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(100)))
    (path,) = siem.store.folder.glob("events/s/*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    for broken in (bytes(data), bytes(data[:-50]), b""):
        path.write_bytes(broken)
        with pytest.raises(SiemRefused, match=path.name) as error:
            count(LocalConnector.open("t", {"path": siem.store.folder}))
        assert "restore it from a backup" in error.value.hint


def test_a_lost_segment_is_put_back_by_loading_again(siem: LocalConnector, tmp_path: Path) -> None:
    export = tmp_path / "a.csv"
    export.write_text("time,host.name\n" + "".join(f"{1709251200 + i},h\n" for i in range(50)))
    mapping = LoadMapping(time="time")
    load_file(siem.store, export, "s", mapping)
    (path,) = siem.store.folder.glob("events/s/*.parquet")
    path.unlink()
    with pytest.raises(SiemRefused, match="it is missing"):
        count(LocalConnector.open("t", {"path": siem.store.folder}))
    assert load_file(siem.store, export, "s", mapping).loaded == 50
    assert count(siem) == 50


def test_a_lost_segment_is_not_forgotten_by_a_load_of_something_else(
    siem: LocalConnector, tmp_path: Path
) -> None:
    mapping, exports = LoadMapping(time="time"), []
    for name, first in (("a", 0), ("b", 50)):
        export = tmp_path / f"{name}.csv"
        rows = (f"{1709251200 + i},h{i}\n" for i in range(first, first + 60))
        export.write_text("time,host.name\n" + "".join(rows))
        exports.append(export)
    load_file(siem.store, exports[0], "s", mapping)
    (path,) = siem.store.folder.glob("events/s/*.parquet")
    path.unlink()
    for _ in range(2):
        with pytest.raises(SiemRefused, match="is missing with its 60 events") as caught:
            load_file(siem.store, exports[1], "s", mapping)
        assert "a.csv" in caught.value.hint
        with pytest.raises(SiemRefused, match="it is missing") as caught:
            count(siem)
        assert "load a.csv again" in caught.value.hint
    assert load_file(siem.store, exports[0], "s", mapping).loaded == 60
    assert load_file(siem.store, exports[1], "s", mapping).loaded == 50
    assert count(siem) == 110


def test_a_lost_segment_of_an_older_version_is_put_back_by_as_many_events_of_its_time(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(50)))
    siem.intake.add_events("s", make_events(range(100, 110)))
    first = max(siem.store.folder.glob("events/s/*.parquet"), key=lambda path: path.stat().st_size)
    first.unlink()
    with pytest.raises(SiemRefused, match="is missing with its 50 events"):
        siem.intake.add_events("s", make_events(range(40, 60)))
    with pytest.raises(SiemRefused, match="it is missing"):
        count(siem)
    assert siem.intake.add_events("s", make_events(range(60))).written == 60
    assert count(siem) == 70


def test_a_ledger_of_an_older_version_is_brought_up_to_date(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(10)))
    with sqlite3.connect(siem.store.ledger.path) as connection:
        connection.execute("ALTER TABLE segments DROP COLUMN sources")
        for later in ("retired", "overrides", "health", "later_values"):
            connection.execute(f"DROP TABLE {later}")
        connection.execute("ALTER TABLE alerts DROP COLUMN chance")
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    connection.close()
    again = LocalConnector.open("t", {"path": siem.store.folder})
    assert count(again) == 10
    assert again.intake.add_events("s", make_events(range(20))).written == 10


def test_a_damaged_ledger_is_named_with_a_remedy(tmp_path: Path, make_events: MakeEvents) -> None:
    siem = LocalConnector.open("t", {"path": tmp_path})
    siem.intake.add_events("s", make_events(range(10)))
    ledger = tmp_path / "siem.sqlite"
    data = ledger.read_bytes()
    for broken in (b"not a database at all" * 100, data[:100] + b"\xff" * (len(data) - 100)):
        ledger.write_bytes(broken)
        with pytest.raises(SiemRefused, match=r"siem\.sqlite is damaged") as error:
            count(LocalConnector.open("t", {"path": tmp_path}))
        assert "backup" in error.value.hint


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    siem = LocalConnector.open("t", {"path": tmp_path})
    with sqlite3.connect(siem.store.ledger.path) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    with pytest.raises(SiemRefused, match="schema 99") as error:
        LocalConnector.open("t", {"path": tmp_path})
    assert "newer" in error.value.hint


def test_segments_without_their_ledger_are_not_taken_for_an_empty_siem(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(10)))
    siem.store.ledger.path.unlink()
    with pytest.raises(SiemRefused, match="is missing"):
        LocalConnector.open("t", {"path": siem.store.folder})


def test_a_full_disk_counts_nothing_and_a_later_try_works(tmp_path: Path) -> None:
    export = tmp_path / "a.csv"
    lines = (f"{1709251200 + i},{os.urandom(16).hex()}\n" for i in range(20_000))
    export.write_text("time,host.name\n" + "".join(lines))
    folder = tmp_path / "siem"
    LocalConnector.open("t", {"path": folder})
    assert run("fill_the_disk", folder, export, folder=tmp_path) == 0
    assert count(LocalConnector.open("t", {"path": folder})) == 20_000


def test_a_kill_while_adding_events_leaves_none_and_a_retry_adds_them_once(
    siem: LocalConnector, make_events: MakeEvents, tmp_path: Path
) -> None:
    events = make_events(range(100))
    assert run("killed_while_adding", siem.store.folder, events, folder=tmp_path) == -signal.SIGKILL
    assert siem.store.streams() == []
    assert siem.intake.add_events("s", events).written == 100
    assert count(siem) == 100
    assert len(list(siem.store.folder.glob("events/s/*.parquet"))) == 1


@pytest.mark.parametrize("step", ["renaming", "listing", "evaluating", "raising"])
def test_a_kill_while_writing_scores_doubles_and_loses_nothing(
    siem: LocalConnector, make_scores: MakeScores, step: str, tmp_path: Path
) -> None:
    siem.rules.apply(RULE)
    batch = make_scores([(m, "a") for m in range(10)])
    assert (
        run("killed_while_writing", siem.store.folder, batch, step, folder=tmp_path)
        == -signal.SIGKILL
    )
    ids = batch.batch.column("score_id").to_pylist()
    stored = siem.scores.existing(batch)
    assert stored == (set() if step in ("renaming", "listing") else set(ids))
    assert not list(siem.alerts.find())
    report = score(siem, batch, at=NOW + timedelta(minutes=1))
    assert (report.written, report.already_there) == (10 - len(stored), len(stored))
    assert len(list(siem.alerts.find())) == 10
    with siem.store.ledger.reading() as connection:  # a file that is not listed counts nowhere
        assert len(listed(connection, "scores")) == 1


def test_services_readers_and_analysts_work_at_once(
    siem: LocalConnector, make_events: MakeEvents, make_scores: MakeScores, tmp_path: Path
) -> None:
    siem.rules.apply(RULE)
    siem.intake.add_events("s", make_events([0]))
    shared = make_events(range(1, 40)), make_scores([(m, "a") for m in range(1, 40)])
    writers = []
    for number in (1, 2):
        own = range(1000 * number, 1000 * number + 60)
        events = [shared[0], *(make_events(own[i : i + 20]) for i in range(0, 60, 20))]
        batches = [
            shared[1],
            *(make_scores([(m, "b") for m in own[i : i + 20]]) for i in range(0, 60, 20)),
        ]
        args = (siem.store.folder, number, events, batches)
        writers.append(start("add_and_score", *args, folder=tmp_path))
    seen = 1
    while any(writer.poll() is None for writer in writers):
        now = count(siem)
        assert now >= seen
        seen = now
        for alert in siem.alerts.find(AlertQuery(still_open=True)):
            siem.alerts.close(
                alert.alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=alert.event_time
            )
    for writer in writers:
        assert writer.returncode == 0
    assert count(siem) == 1 + 39 + 120
    assert len(list(siem.alerts.find())) == 39 + 120
    assert sum(alert.events for alert in siem.alerts.find()) == 39 + 120
