"""Exports of two dozen tools load as they come, or by what the error says, to the letter."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.first_hour_exports import EXPORTS, FIRST, ROWS, STEP, workbook_saved_as_csv
from scoreback.errors import ScorebackError
from scoreback.service.cli import app

BOOK = "Excel workbook"


@pytest.mark.parametrize("tool", [tool for tool in EXPORTS if tool != BOOK])
def test_an_export_loads_whole_by_what_errors_propose(tool: str, tmp_path: Path) -> None:
    name, data = EXPORTS[tool]()
    file = tmp_path / name
    file.write_bytes(data)
    options: list[str] = []
    for _ in range(3):
        refused = load(file, options)
        if refused is None:
            break
        (proposed,) = re.findall(r"^add (--[^;]+)", refused.hint)
        options += shlex.split(proposed)
    (stream,) = json.loads(run(tmp_path, "streams", "--json"))
    assert stream["rows"] == ROWS
    for which, at in (("first", FIRST), ("last", FIRST + (ROWS - 1) * STEP)):
        assert stream["event_times"][which][:19] == at.isoformat()[:19]


def test_a_workbook_is_refused_and_the_csv_that_is_asked_for_loads(tmp_path: Path) -> None:
    name, data = EXPORTS[BOOK]()
    (tmp_path / name).write_bytes(data)
    refused = load(tmp_path / name, [])
    assert refused is not None
    assert "CSV" in refused.hint
    saved, data = workbook_saved_as_csv()
    (tmp_path / saved).write_bytes(data)
    assert load(tmp_path / saved, ["--time", "time"]) is None


def load(file: Path, options: list[str]) -> ScorebackError | None:
    """Why the file was refused; None where all of it was loaded."""
    home = ["--home", str(file.parent / "home")]
    done = CliRunner().invoke(app, ["load", str(file), "--stream", "s", *options, *home])
    if isinstance(done.exception, ScorebackError):
        return done.exception
    assert done.exit_code == 0, done.output
    return None


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(folder / "home")])
    assert done.exit_code == 0, done.output
    return done.stdout
