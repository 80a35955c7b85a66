"""Killed at each step of scoring, a run leaves nothing doubled and nothing missing."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.local import events as local_events
from scoreback.connectors.local.storage.segments import listed
from scoreback.records import SCORE_COLUMNS, Histogram, TimeWindow
from scoreback.service.app import opened
from scoreback.service.scoring import cutter
from scoreback.service.settings import Settings
from tests.integration import killed_run
from tests.integration.embedded import siem_of

EVER = TimeWindow(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2040, 1, 1, tzinfo=UTC))
PROGRAM = Path(killed_run.__file__)
# After a move is before the next one; "before" adds what only a first half could leave behind.
DEATHS = [
    ("window state", "before"), ("window state", "after"), ("outbox", "after"), ("begin", "after"),
    ("score segment", "before"), ("score segment", "after"), ("write", "after"),
    ("histogram", "after"), ("sent", "before"), ("sent", "after"), ("alerts", "before"),
    ("new alerts", "after"), ("alerts", "after"), ("tidy", "after"),
]  # fmt: skip

# The first steps only fill windows; what is done in each of them is done to scores in the seventh.
IN_EACH_STEP = {"window state", "outbox", "begin", "write", "sent", "tidy"}
SCORING = 7


def killed(home: Path, file: Path, now: datetime, point: str, when: str, call: int) -> None:
    command = [sys.executable, str(PROGRAM), str(home), str(file), now.isoformat()]
    done = subprocess.run([*command, point, when, str(call)], check=False)
    assert done.returncode == -signal.SIGKILL


def run(home: Path, file: Path, now: datetime) -> None:
    killed_run.score_all(killed_run.settings_of(home), file, now)


@pytest.fixture(autouse=True, scope="module")
def _several_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutter, "STEP_ROWS", killed_run.STEP_ROWS)
        patch.setattr(local_events, "BATCH_ROWS", killed_run.STEP_ROWS)
        yield


@pytest.fixture(scope="module")
def undisturbed(
    trained: Path, file: Path, end: datetime, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(trained, home)
    run(home, file, end)
    found = everything(home)
    assert len(found["scores"]) > 50
    assert len(found["alerts"]) > 5
    assert len(found["counted"]) > 100
    assert not found["overlaps"]
    return found


@pytest.mark.parametrize(("point", "when"), DEATHS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(
    point: str, when: str, workspace: Path, file: Path, end: datetime, undisturbed: dict[str, Any]
) -> None:
    killed(workspace, file, end, point, when, SCORING if point in IN_EACH_STEP else 2)
    run(workspace, file, end)
    assert everything(workspace) == undisturbed


def test_runs_killed_again_and_again_end_as_one_undisturbed_run(
    workspace: Path, file: Path, end: datetime, undisturbed: dict[str, Any]
) -> None:
    for point in ("outbox", "begin", "write", "sent", "alerts"):
        killed(workspace, file, end, point, "after", 1)
    run(workspace, file, end)
    assert everything(workspace) == undisturbed


@pytest.mark.parametrize("point", ["begin", "write"])
def test_two_processes_that_resolve_the_same_batch_at_once_leave_everything_there_once(
    point: str, workspace: Path, file: Path, end: datetime, undisturbed: dict[str, Any]
) -> None:
    killed(workspace, file, end, point, "after", SCORING)
    command = [sys.executable, str(PROGRAM), str(workspace), str(file), end.isoformat()]
    both = [
        subprocess.Popen([*command, "", "before", "0"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in both]
    refused = [said for said, code in ended if code]
    assert len(refused) < 2, refused
    assert all("is in use by process" in said for said in refused)
    assert everything(workspace) == undisturbed
    run(workspace, file, end)
    assert everything(workspace) == undisturbed


def everything(home: Path) -> dict[str, Any]:
    """All that a SIEM would show of the runs: scores, alerts and histograms."""
    with opened(Settings(home=home)) as app:
        siem = siem_of(app)
        with siem.store.ledger.reading() as transaction:
            segments = listed(transaction, "scores")
        tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
        scores = pa.concat_tables(tables, promote_options="default").sort_by("score_id")
        histograms = list(siem.scores.histograms("endpoint_threats", EVER))
        return {
            "scores": scores.select(SCORE_COLUMNS.names).to_pylist(),
            "alerts": list(siem.alerts.find()),
            "counted": by_hour(histograms),
            "overlaps": [b for a, b in pairwise(histograms) if b.since < a.until],
        }


def by_hour(histograms: Sequence[Histogram]) -> dict[str, list[int]]:
    """Sums over slices: where those are cut depends on where a run began."""
    found: dict[str, list[int]] = {}
    for one in histograms:
        for hour, counts in one.counts.items():
            before = found.get(hour, [0] * len(counts))
            found[hour] = [a + b for a, b in zip(before, counts, strict=True)]
    return found
