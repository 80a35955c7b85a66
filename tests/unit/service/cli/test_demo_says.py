"""The demo's end names what to do next; it writes example exports that load as they are."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scoreback.errors import ConfigError
from scoreback.service.cli import app
from scoreback.service.cli.demo_view import whats_next


@pytest.mark.parametrize("home", [None, Path("company")])
def test_what_to_do_next_names_home_verdict_and_an_export_of_ones_own(
    home: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    whats_next(home)
    said = capsys.readouterr().out
    assert "scoreback verdict" in said
    assert "scoreback load" in said
    assert "--exports" in said
    assert "--home company" in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_example_exports_are_written_with_what_loads_them(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    done = CliRunner().invoke(app, ["demo", "--exports", str(folder)])
    assert done.exit_code == 0, done.output
    assert "scoreback load" in done.stdout
    with (folder / "closed.csv").open(newline="", encoding="utf-8") as file:
        closed = [*csv.DictReader(file)]
    with (folder / "open.csv").open(newline="", encoding="utf-8") as file:
        still_open = [*csv.DictReader(file)]
    assert sum(row["closed_as"] == "true positive" for row in closed) > 100
    assert not any(row["closed_as"] for row in still_open)
    last = max(datetime.fromisoformat(row["raised_at"]) for row in closed)
    assert last < min(datetime.fromisoformat(row["raised_at"]) for row in still_open)


def test_example_exports_are_the_same_each_time_and_told_in_json(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = CliRunner().invoke(app, ["demo", "--exports", str(tmp_path / name), "--json"])
        exports = [Path(path) for path in json.loads(done.stdout)["exports"]]
        assert [path.name for path in exports] == ["closed.csv", "open.csv"]
    for path in exports:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()


def test_a_place_that_cannot_be_written_to_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["demo", "--exports", str(tmp_path / "file" / "folder")])
    assert isinstance(done.exception, ConfigError)
    assert "cannot be written" in done.exception.message
    assert "folder" in done.exception.hint
