"""A service that is ended, killed or given broken files loses nothing and repeats nothing."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local import events as reading
from scoreback.connectors.local.storage.segments import listed
from scoreback.models.detector.spec import Detector
from scoreback.records import SCORE_COLUMNS, TimeWindow
from scoreback.service.app import opened
from scoreback.service.scoring import cutter
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from tests.integration.embedded import siem_of

PROGRAM = Path(__file__).with_name("served_run.py")
CLI = ("-c", "from scoreback.service.cli import main; main()")
EVER = TimeWindow(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2040, 1, 1, tzinfo=UTC))
SECONDS = 180  # more than any of these takes; then the process is killed and the test fails


class Service:
    """A process that serves, and what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def until(self, text: str) -> str:
        """The next line that holds *text*."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was never said, but: {''.join(self.said)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        assert self.process.stderr is not None
        self.said += self.process.stderr.readlines()
        return self.process.wait()


@contextmanager
def started(*command: object) -> Iterator[Service]:
    with subprocess.Popen(
        [sys.executable, *map(str, command)], stderr=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield Service(process)
        finally:
            watchdog.cancel()
            process.kill()


@contextmanager
def serving(
    home: Path, path: Path, now: datetime, number: str = "-", call: int = 0, point: str = "sent"
) -> Iterator[Service]:
    with started(PROGRAM, home, path, now.isoformat(), number, call, point) as service:
        yield service


def found(home: Path, detector: Detector) -> tuple[pa.Table, list[str], int]:
    """The stored scores, the events of the alerts, and how many events the histograms count."""
    with opened(Settings(home=home)) as app:
        siem = siem_of(app)
        with siem.store.ledger.reading() as transaction:
            segments = listed(transaction, "scores")
        tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
        names = [name for name in SCORE_COLUMNS.names if name != "scored_at"]
        tables.append(SCORE_COLUMNS.empty_table())
        table = pa.concat_tables(tables, promote_options="default").select(names)
        alerts = [alert.event_id for alert in siem.alerts.find(AlertQuery(detector=detector.name))]
        histograms = siem.scores.histograms(detector.name, EVER)
        counted = sum(sum(c) for h in histograms for c in h.counts.values())
    return table.sort_by("score_id"), alerts, counted


@pytest.fixture
def folder(tmp_path: Path, file: Path) -> Path:
    """A folder with the detector's file."""
    made = tmp_path / "detectors"
    made.mkdir()
    shutil.copy(file, made / "endpoint.yml")
    return made


@pytest.fixture(scope="module")
def undisturbed(
    trained: Path, detector: Detector, end: datetime, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pa.Table, list[str], int]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(trained, home)
    with pytest.MonkeyPatch.context() as patch, opened(Settings(home=home)) as app:
        patch.setattr(cutter, "STEP_ROWS", 1500)  # both as served_run.py has them
        patch.setattr(reading, "BATCH_ROWS", 1500)
        assert score_live(app, detector, now=end) is not None
    return found(home, detector)


@pytest.mark.parametrize(("number", "code"), [("TERM", 0), ("KILL", -signal.SIGKILL)])
def test_ended_or_killed_while_scoring_and_started_again_each_event_is_scored_once(
    workspace: Path,
    folder: Path,
    detector: Detector,
    end: datetime,
    undisturbed: tuple[pa.Table, list[str], int],
    number: str,
    code: int,
) -> None:
    with serving(workspace, folder, end, number, 2) as service:
        assert service.ended() == code, "".join(service.said)
    assert found(workspace, detector)[2] < undisturbed[2]
    with serving(workspace, folder, end) as service:
        service.until("above the threshold")
        assert service.end() == 0
    scores, alerts, counted = found(workspace, detector)
    assert scores.equals(undisturbed[0])
    assert counted == undisturbed[2]
    assert alerts == undisturbed[1]
    with opened(Settings(home=workspace)) as app:
        ends = [run.status for run in runs(app.state, detector.name, kind="score")]
    assert ends[-1] == ("stopped" if number == "TERM" else "lost")
    assert set(ends[:-1]) == {"done"}


def test_a_file_that_breaks_or_goes_keeps_its_detector_running_and_a_new_one_is_picked_up(
    workspace: Path, folder: Path, detector: Detector, end: datetime
) -> None:
    path = folder / "endpoint.yml"
    sound = path.read_text()
    with serving(workspace, folder, end) as service:
        service.until("above the threshold")
        _replace(path, sound.replace("alerts:", "alrets:", 1))
        trouble = service.until("keeps running")
        assert f"{path}:" in trouble
        assert "alrets" in trouble
        assert "alerts" in trouble
        service.until(f"DEBUG {detector.name} score")  # and it is scored all the same
        _replace(path, sound)
        service.until("is valid again")
        path.unlink()
        assert "does not exist" in service.until("keeps running")
        service.until(f"DEBUG {detector.name} score")
        _replace(folder / "new.yml", sound.replace(f"name: {detector.name}", "name: newcomer"))
        service.until(f"{folder / 'new.yml'} is served")
        service.until("newcomer score: no version scores yet")
        _replace(folder / "renamed.yml", sound)
        service.until(f"{folder / 'renamed.yml'} is served")
        assert service.end() == 0
    mistakes = [line for line in service.said if "a mistake" in line]
    assert not mistakes


def test_the_command_serves_a_folder_refuses_a_second_one_and_ends_at_a_signal(
    workspace: Path, folder: Path
) -> None:
    command = (*CLI, "serve", folder, "--home", workspace)
    with started(*command, "--log-format", "json") as service:
        line = json.loads(service.until("serving on"))
        assert line["level"] == "info"
        with started(*command) as second:
            assert second.ended() == 1
            said = "".join(second.said)
            assert f"workspace {workspace} is in use by process {service.process.pid}" in said
        assert service.end(signal.SIGINT) == 0
    assert all(json.loads(line)["time"].endswith("Z") for line in service.said)


def test_nothing_to_serve_is_an_error_that_says_where_it_looked(
    workspace: Path, tmp_path: Path
) -> None:
    call = (*CLI, "serve", "--home", workspace)
    gone, empty = (tmp_path / "gone.yml", "does not exist", 2), (tmp_path / "x", "no detector", 1)
    for path, why, code in (gone, empty):
        if path.suffix != ".yml":
            path.mkdir()
        with started(*call, path) as service:
            assert service.ended() == code
            assert why in "".join(service.said)


def _replace(path: Path, text: str) -> None:
    """Write at once, as editors do, so that no half is read."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
