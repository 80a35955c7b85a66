"""What a version promised stands beside what came of its alerts: in the list and in the report."""

import json
from datetime import datetime
from pathlib import Path

from typer.testing import CliRunner

from scoreback.connectors.doors import AlertQuery
from scoreback.models.detector.spec import Detector
from scoreback.records import Verdict
from scoreback.service.app import opened
from scoreback.service.cli import app as command_line
from scoreback.service.settings import Settings
from tests.integration.embedded import score_until, siem_of


def test_versions_and_report_show_the_promise_beside_what_came(
    workspace: Path, file: Path, detector: Detector, end: datetime, tmp_path: Path
) -> None:
    named = [str(file), "--home", str(workspace)]
    (before,) = json.loads(CliRunner().invoke(command_line, ["versions", *named, "--json"]).stdout)
    assert before["came"] == {}
    promised = before["promised"]
    assert promised["precision"] == before["metrics"]["precision"]
    assert promised["recall_low"] <= promised["recall"] <= promised["recall_high"]
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        door = siem_of(app).alerts
        alerts = list(door.find(AlertQuery(detector=detector.name)))
        for number, alert in enumerate(alerts[:8]):
            verdict = Verdict.FALSE_POSITIVE if number < 2 else Verdict.TRUE_POSITIVE
            door.close(alert.alert_id, verdict, labeller="ann", at=end)
    listed = CliRunner().invoke(command_line, ["versions", *named, "--json"])
    ((after,), shown) = (
        json.loads(listed.stdout),
        CliRunner().invoke(command_line, ["versions", *named]).stdout,
    )
    came = after["came"]
    assert (came["labelled"], came["precision"]) == (8, 0.75)
    assert came["precision_low"] < 0.75 < came["precision_high"]
    assert came["alerts"] == len(alerts)
    assert after["promised"] == before["promised"]
    assert f"8 of {len(alerts)}" in shown
    assert f"{promised['recall']:.2f} ({promised['recall_low']:.2f}-" in " ".join(shown.split())
    page = tmp_path / "report.html"
    done = CliRunner().invoke(command_line, ["report", *named, "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert "with a verdict so far, 75% were true" in page.read_text()
