"""Lines for cron work from any folder, and hold nothing that cron would misread."""

import shlex
import sys
from pathlib import Path

import pytest

from scoreback.models.detector.file import load_detector
from scoreback.service.cli import crontab
from scoreback.service.settings import Settings

DETECTOR = """
name: tiny
events: {local: {stream: tiny}}
entity: host.name
labels: {field: {name: verdict, positive: [bad], negative: [ok]}}
features: [{number: size}]
alerts: {budget: 5/day}
schedule: {score: "*/10 * * * *", train: "0 4 * * 1"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "a folder, 100 %"
    made.mkdir()
    monkeypatch.chdir(made)
    Path("tiny.yml").write_text(DETECTOR)
    return made


def words(line: str) -> tuple[list[str], list[str]]:
    """The five fields of time, and the command as a shell sees what cron makes of it."""
    parts = line.split(" ", 5)
    assert "%" not in parts[5].replace("\\%", "")
    return parts[:5], shlex.split(parts[5].replace("\\%", "%"))


def test_a_line_names_command_file_and_workspace_by_absolute_paths(folder: Path) -> None:
    file = Path("tiny.yml")
    score, train = (
        words(line) for line in crontab.lines(file, load_detector(file), Settings.read())
    )
    assert score[0] == ["*/10", "*", "*", "*", "*"]
    assert train[0] == ["0", "4", "*", "*", "1"]
    for (_, command), name in ((score, "score"), (train, "train")):
        assert command == [
            sys.executable, "-m", "scoreback", name, str(folder / "tiny.yml"),
            "--home", str(folder / ".scoreback"),
        ]  # fmt: skip


def test_settings_of_the_environment_go_along_and_secrets_do_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREBACK_CONNECTION_FILE", "prod siem.yml")
    monkeypatch.setenv("SCOREBACK_THREADS", "1")
    monkeypatch.setenv("SCOREBACK_HOME", "elsewhere")
    monkeypatch.setenv("SCOREBACK_ELASTIC_PASSWORD", "hunter2")
    file = Path("tiny.yml")
    line = crontab.lines(file, load_detector(file), Settings.read())[0]
    _, command = words(line)
    assert command[:2] == [
        f"SCOREBACK_CONNECTION_FILE={folder / 'prod siem.yml'}",
        "SCOREBACK_THREADS=1",
    ]
    assert command[-1] == str(folder / "elsewhere")
    assert "hunter2" not in line


def test_the_installed_command_is_named_by_its_whole_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = folder / "scoreback"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(installed)])
    file = Path("tiny.yml")
    line = crontab.lines(file, load_detector(file), Settings.read())[0]
    assert words(line)[1][0] == str(installed)
