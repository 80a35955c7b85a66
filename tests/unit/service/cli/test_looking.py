"""Commands that read, or change what is there, make no workspace, and say where they looked."""

import sys
from pathlib import Path

import pytest

from scoreback.service import cli

DETECTOR = """
name: tiny
events: {local: {stream: tiny}}
entity: host
labels: {field: {name: v, positive: [bad], negative: [ok]}}
features: [{number: n}]
alerts: {budget: 5/day}
"""

READING = [
    ("check", "tiny.yml"),
    ("plan", "tiny.yml"),
    ("health", "tiny.yml"),
    ("versions", "tiny.yml"),
    ("report", "tiny.yml"),
    ("export-model", "tiny.yml"),
    ("verdict",),
    ("verdict", "--all", "--json"),
    ("settings", "list", "tiny.yml"),
    ("new", "other", "--select", "stream=tiny"),
]


CHANGING = [
    ("unload", "closed.csv", "--stream", "alerts"),
    ("promote", "tiny.yml", "v1"),
    ("retire", "tiny.yml", "v1"),
    ("rollback", "tiny.yml"),
    ("pause", "tiny.yml"),
    ("resume", "tiny.yml"),
    ("quarantine", "accept", "tiny.yml", "3f9a1c"),
]


@pytest.mark.parametrize("arguments", READING + CHANGING, ids=" ".join)
def test_a_command_that_makes_nothing_makes_no_workspace_and_names_the_one_it_looked_in(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCOREBACK_HOME", raising=False)
    Path("tiny.yml").write_text(DETECTOR)
    monkeypatch.setattr(sys, "argv", ["scoreback", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yml"]
    assert f"there is no workspace in {tmp_path / '.scoreback'}" in capsys.readouterr().err


def test_a_missing_connection_is_told_with_the_workspaces_own_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCOREBACK_CONNECTION", "prod")
    monkeypatch.setattr(sys, "argv", ["scoreback", "verdict", "--home", "here"])
    with pytest.raises(SystemExit):
        cli.main()
    assert str(Path("here", "connections", "prod.yml")) in capsys.readouterr().err
    assert not Path("here").exists()
