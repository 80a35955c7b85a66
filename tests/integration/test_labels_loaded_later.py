"""Events are loaded without labels and again with them: they are told, counted and learnt."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scoreback.models.detector.file import load_detector
from scoreback.models.labels.truths import truths_as_of
from scoreback.service.app import opened
from scoreback.service.cli import app as command_line
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import read_training_data

ROWS = 322
START = datetime(2026, 2, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=40)
FIRST = dict.fromkeys(range(0, 60, 3), "benign")
SECOND = FIRST | dict.fromkeys((0, 3, 6, *range(100, 218)), "attack")
DETECTOR = """
name: later
events: {local: {stream: s}}
entity: host
UNIT
labels: {field: {name: outcome, positive: [attack], negative: [benign]}, mature_after: 0s}
features: [{number: n}]
alerts: {budget: 5/day}
"""


def export(path: Path, labels: Mapping[int, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "host", "n", "outcome"])
        for n in range(ROWS):
            time = (START + timedelta(hours=2 * n)).isoformat()
            writer.writerow([time, f"ws-{n % 9}", n, labels.get(n, "")])
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line, [str(each) for each in arguments])


@pytest.mark.parametrize("unit", ["", "unit: {group: [host], every: 10m, fields: {n: max}}"])
def test_labels_loaded_later_are_told_counted_and_learnt(
    tmp_path: Path, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = tmp_path / "later.yml"
    file.write_text(DETECTOR.replace("UNIT", unit))
    home = tmp_path / "home"
    shared = ("--stream", "s", "--time", "time", "--home", home)
    first = run("load", export(tmp_path / "a.csv", FIRST), *shared)
    assert first.exit_code == 0, first.output
    again = run("load", export(tmp_path / "b.csv", SECOND), *shared)
    assert again.exit_code == 0, again.output
    assert "322 known, 118 labels new, 3 changed" in again.stdout
    checked = run("check", file, "--home", home)
    assert "121 positive, 17 negative" in " ".join(checked.stdout.split()), checked.output
    detector = load_detector(file)
    with opened(Settings(home=home)) as app:
        data = read_training_data(app, detector, AS_OF)
    truths = truths_as_of(data.labels, detector, AS_OF)
    assert ((truths.truth == 1).sum(), (truths.truth == 0).sum()) == (121, 17)
