"""How commands are called: help with an example, short options, completion, exit code 2."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from scoreback.service import cli

ROOT: Any = typer.main.get_command(cli.app)


def commands(group: object, named: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield named, group
    for name, command in vars(group)["commands"].items():
        if hasattr(command, "commands"):
            yield from commands(command, (*named, name))
        else:
            yield (*named, name), command


EVERY = dict(commands(ROOT))
INSTALLED = (  # what the installed command does; its name says whose completion is asked for
    "import sys; sys.argv[0] = 'scoreback'; from scoreback.service.cli import main; main()"
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["scoreback", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


@pytest.mark.parametrize("named", EVERY, ids=lambda named: " ".join(("scoreback", *named)))
def test_every_help_ends_with_an_example_that_can_be_parsed(
    named: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, *named, "-h") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    *_, title, example = [line.strip() for line in shown.splitlines() if line]
    assert title == "Example:"
    words = example.split()
    assert words[: 1 + len(named)] == ["scoreback", *named]
    EVERY[named].make_context(
        " ".join(named) or "scoreback", words[1 + len(named) :]
    )  # raises where it is wrong


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("train",),
        ("train", "x.yml", "--as-off", "2026-01-01"),
        ("validate",),
        ("train", "{file}", "--as-of", "yesterday"),
        ("new", "x", "--select", "stream"),
        ("remove",),
        ("keys", "x.yml"),
        ("verdict", "a1", "maybe"),
        ("validate", "gone.yml"),
        ("check", "gone.yml"),
        ("train", "gone.yml"),
        ("train", "."),
        ("score", "gone.yml"),
        ("score", "gone.yml", "lost.yml"),
        ("report", "gone.yml"),
        ("test", "gone.yml"),
        ("load", "gone.csv", "--stream", "a"),
        ("load", ".", "--stream", "a"),
        ("verdict", "--file", "gone.csv"),
        ("import-sigma", "gone.yml"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tiny.yml"
    file.write_text(
        "name: tiny\nevents: {local: {stream: tiny}}\nentity: host\nalerts: {budget: 5/day}\n"
        "labels: {field: {name: v, positive: [bad], negative: [ok]}}\nfeatures: [{number: n}]\n"
    )
    assert run(monkeypatch, *(one.format(file=file) for one in arguments)) == 2


def test_a_shell_completes_commands_and_options() -> None:
    for words, wanted in (("scoreback va", "validate"), ("scoreback train --as", "--as-of")):
        done = subprocess.run(
            [sys.executable, "-c", INSTALLED],
            env={
                "_SCOREBACK_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
                "PYTHONPATH": ":".join(sys.path),
            },
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == [wanted]


@pytest.mark.parametrize("group", [(), ("settings",)], ids=["all", "settings"])
def test_summaries_of_commands_are_whole_at_80_columns(
    group: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, *group, "-h") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    listed = " ".join(shown.split("Commands:")[1].split())
    assert "..." not in listed
    for named, command in EVERY.items():
        if named and named[:-1] == group:
            sentence = " ".join(command.help.split("\n\n")[0].split()).partition(". ")[0]
            assert sentence.rstrip(".") in listed
