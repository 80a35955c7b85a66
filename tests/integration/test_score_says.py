"""What `scoreback score` says of a run: read, waiting, scored, raised, held back, what is next."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scoreback.connectors.doors import AlertQuery
from scoreback.models.detector.spec import Detector
from scoreback.service.app import opened
from scoreback.service.cli import app as command_line
from scoreback.service.settings import Settings
from tests.integration.embedded import siem_of


def test_score_tells_what_became_of_every_hit_and_when_the_next_run_is_due(
    workspace: Path,
    file: Path,
    detector: Detector,
    end: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    called = ["score", str(file), "--home", str(workspace), "--until", end.isoformat()]
    done = CliRunner().invoke(command_line, [*called, "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    with opened(Settings(home=workspace)) as app:
        alerts = list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))
    assert said["alerts_raised"] == len(alerts) > 0
    joined = sum(one.events - 1 for one in alerts)
    assert said["held_back_by_cap_or_throttle"] == joined
    assert said["above_the_threshold"] == said["alerts_raised"] + joined
    assert said["held_back_by_budget"] >= 0
    assert datetime.fromisoformat(said["next_run"]) > end
    assert said["next_run"].endswith("Z")
    again = CliRunner().invoke(command_line, called)
    assert again.exit_code == 0, again.output
    for name in ("read", "waiting", "scored", "alerts raised", "held back by cap or throttle",
                 "held back by budget", "next run"):  # fmt: skip
        assert name in again.stdout
    assert all(len(line.rstrip()) <= 80 for line in again.stdout.splitlines())
