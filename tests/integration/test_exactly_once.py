"""Killed at each step of scoring, a run leaves nothing doubled and nothing missing."""

import shutil
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.segments import listed
from scoreback.records import SCORE_COLUMNS
from scoreback.service.app import opened
from scoreback.service.settings import Settings

PROGRAM = Path(__file__).with_name("killed_run.py")
POINTS = (
    "window state", "outbox", "begin", "write", "score segment", "alerts", "histogram", "finish",
    "tidy",
)  # fmt: skip


def run(
    home: Path, file: Path, now: datetime, point: str = "", when: str = "", call: int = 0
) -> int:
    command = [sys.executable, str(PROGRAM), str(home), str(file), now.isoformat()]
    return subprocess.run([*command, point, when, str(call)], check=False).returncode


@pytest.fixture(scope="module")
def undisturbed(
    trained: Path, file: Path, end: datetime, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(trained, home)
    assert run(home, file, end) == 0
    found = everything(home)
    assert len(found["scores"]) > 50
    assert len(found["alerts"]) > 5
    return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(
    point: str, when: str, workspace: Path, file: Path, end: datetime, undisturbed: dict[str, Any]
) -> None:
    assert run(workspace, file, end, point, when, 2) == -signal.SIGKILL
    assert run(workspace, file, end) == 0
    assert everything(workspace) == undisturbed


def test_runs_killed_again_and_again_end_as_one_undisturbed_run(
    workspace: Path, file: Path, end: datetime, undisturbed: dict[str, Any]
) -> None:
    for point, when in [("outbox", "after"), ("begin", "after"), ("write", "after"),
                        ("histogram", "before"), ("finish", "before")]:  # fmt: skip
        assert run(workspace, file, end, point, when, 1) == -signal.SIGKILL
    assert run(workspace, file, end) == 0
    assert everything(workspace) == undisturbed


def everything(home: Path) -> dict[str, Any]:
    """All that a SIEM would show of the runs: scores, alerts and histograms."""
    with opened(Settings(home=home)) as app:
        siem: LocalConnector = app.connector  # type: ignore[assignment]  # the embedded one
        with siem.store.ledger.reading() as transaction:
            segments = listed(transaction, "scores")
        tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
        scores = pa.concat_tables(tables, promote_options="default").sort_by("score_id")
        histograms = siem.histograms("endpoint_threats")
        return {
            "scores": scores.select(SCORE_COLUMNS.names).to_pylist(),
            "alerts": list(siem.alerts()),
            "counted": [(h.since, h.until, h.counts) for h in histograms],
        }
