"""The README's examples run as they stand, and what it says about them is true."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from pydantic import TypeAdapter

from scoreback.service.cli import EXIT_CODES, NOT_BUILT, app
from scoreback.service.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Played:
    """What is left when the README has been followed step by step."""

    folder: Path
    output: str
    errors: str
    code: int

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return _run(self.folder, *command)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "examples").symlink_to(ROOT / "examples")
    steps = [step for block in _blocks("bash") for step in (f"echo {_title(block)}", block)]
    done = _run(folder, "bash", "-c", "\n".join(["set -euo pipefail", *steps]))
    return Played(folder, done.stdout, done.stderr, done.returncode)


def test_every_shell_example_runs_in_order(played: Played) -> None:
    last = [line for line in played.output.splitlines() if line.startswith("step: ")][-1]
    assert played.code == 0, f"failed in {last}: {played.errors}"


def test_the_example_finds_something_to_show_and_to_close(played: Played) -> None:
    assert "v1-" in played.output
    assert re.search(r"Alert [0-9a-f]+ of alert_queue is closed as false_positive\.", played.output)
    assert re.search(r"v1-[0-9a-f]+ of alert_queue scores again\.", played.output)


def test_every_python_example_runs(played: Played) -> None:
    for block in _blocks("python"):
        done = played.run(sys.executable, "-c", block)
        assert done.returncode == 0, done.stderr
        assert "scoreback.risk" in done.stdout


def test_nothing_but_shown_commands_stands_in_console_examples() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in "".join(_blocks("console")).splitlines():
        assert line.startswith("$ "), line
        first, second = shlex.split(line)[1:]
        if first == "make":
            assert re.search(rf"^{second}:", makefile, re.MULTILINE), f"no target {second}"
        else:
            assert (first, second) == ("source", ".venv/bin/activate")


def test_every_example_is_of_a_kind_that_is_tested() -> None:
    kinds = set(re.findall(r"^```(\w*)$", README, re.MULTILINE))
    assert kinds == {"bash", "console", "python", ""}  # the last: pictures, and ends of blocks


def test_the_columns_that_the_readme_explains_are_those_of_the_training_tables(
    played: Played,
) -> None:
    explained = [name for name, _ in _table("column")]
    heads = [line for line in played.output.splitlines() if "alerts a day   " in line]
    shown = {name for line in heads for name in re.split(r" {3,}", line.strip())}
    assert set(explained) == shown - {"budget", "precision"}
    for words in ("best single feature", "a random split would have claimed"):
        assert words in played.output
        assert words.lower() in README.lower()


def test_the_workspace_is_as_the_readme_draws_it(played: Played) -> None:
    (played.folder / "bad.csv").write_text("when,what\nyesterday,nothing\n2026-01-01,something\n")
    load = ["scoreback", "load", "bad.csv", "--stream", "odd", "--time", "when"]
    assert played.run(*load).returncode == 3  # done in part
    drawn = next(block for block in _blocks("") if block.startswith(".scoreback/"))
    for path in _paths(drawn):
        assert list(played.folder.glob(path)), f"the README draws {path}, which is not there"
    known = {path.split("/")[1:][0] for path in _paths(drawn) if "/" in path}
    assert {path.name for path in (played.folder / ".scoreback").iterdir()} == known


def test_the_table_of_commands_is_that_of_the_command_line() -> None:
    group = typer.main.get_command(app)
    written = [name.strip("`").removeprefix("scoreback ") for name, _ in _table("command")]
    assert written == list(getattr(group, "commands"))  # noqa: B009 - typer does not say its type


def test_the_table_of_exit_codes_is_that_of_the_command_line() -> None:
    said = dict(part.split(" ", 1) for part in EXIT_CODES.split("; "))
    written = dict(_table("exit code"))
    assert set(written) == set(said)
    for code, meaning in written.items():
        assert meaning.startswith(said[code].split(" (")[0])


def test_the_table_of_settings_is_complete_with_its_defaults() -> None:
    written = {name.strip("`"): default.strip("`") for name, _, default in _settings()}
    fields = Settings.model_fields
    assert list(written) == [f"SCOREBACK_{name.upper()}" for name in fields]
    for name, field in fields.items():
        assert field.annotation is not None
        said = written[f"SCOREBACK_{name.upper()}"]
        if field.default is None:  # then the table says in words where the value comes from
            assert " " in said
        else:
            assert TypeAdapter(field.annotation).validate_python(said) == field.default


def test_a_duration_is_set_as_the_readme_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.findall(r"for example `(\d+m)`", README)[0]
    monkeypatch.setenv("SCOREBACK_SETTLE", example)
    assert Settings().settle == timedelta(minutes=2)


def test_every_command_that_is_refused_is_named_as_missing() -> None:
    missing = README.split("## What is not there yet")[1]
    for name in NOT_BUILT:
        assert f"`{name}`" in missing


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCOREBACK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment["COLUMNS"] = "200"  # on a narrow screen a table of candidates is one block each
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _blocks(kind: str) -> list[str]:
    return [
        body
        for found, body in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
        if found == kind
    ]


def _title(block: str) -> str:
    return shlex.quote(f"step: {block.splitlines()[0]}")


def _rows(head: str) -> list[list[str]]:
    """The rows of the table whose first column is called *head*."""
    lines = README.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def _table(head: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in _rows(head)]


def _settings() -> list[tuple[str, str, str]]:
    return [(row[0], row[1], row[2]) for row in _rows("setting")]


def _paths(tree: str) -> list[str]:
    """The paths of a drawn tree, two blanks a level, as patterns."""
    parents: list[str] = []
    found = []
    for line in tree.splitlines():
        name = line.split()[0]
        level = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:level], name.rstrip("/")]
        found.append(re.sub(r"<\w+>", "*", "/".join(parents)))
    return found
