"""Standard output that is full, closed or read by nobody: a line and an exit code, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = "from scoreback.service.cli import main; main()"
COMMANDS = [["--version"], ["--help"], ["validate", "--schema"], ["verdict"], ["verdict", "--json"]]


def started(
    home: Path, arguments: list[str], redirect: str = "", stdout: int | None = None
) -> tuple[int, str]:
    """Exit code, and what is said on standard error."""
    home.mkdir(exist_ok=True)  # else it is said that there is no workspace
    command = [sys.executable, "-c", RUN, *arguments]
    if redirect:
        command = ["sh", "-c", f'exec "$@" {redirect}', "sh", *command]
    environment = os.environ | {"SCOREBACK_HOME": str(home)}
    done = subprocess.run(
        command, env=environment, stderr=subprocess.PIPE, check=False, text=True, stdout=stdout
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_standard_output_is_said_in_words(
    tmp_path: Path, arguments: list[str]
) -> None:
    code, said = started(tmp_path / "home", arguments, ">/dev/full")
    assert code == 1
    assert said.startswith("scoreback: standard output cannot be written: No space left on device")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_is_gone_is_said_in_words(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code, said = started(tmp_path / "home", arguments, stdout=writer)
    finally:
        os.close(writer)
    assert code == 1
    assert said.startswith("scoreback: standard output was closed before everything was written")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("redirect", [">&-", ">&- <&-", "2>/dev/full >/dev/null"])
def test_streams_that_were_closed_from_the_start_do_no_harm(tmp_path: Path, redirect: str) -> None:
    code, said = started(tmp_path / "home", ["verdict"], redirect)
    assert (code, said) == (0, "")
    assert started(tmp_path / "home", ["verdict"], ">/dev/null") == (0, "")  # the state is whole


def test_an_error_that_nobody_can_read_still_has_its_exit_code(tmp_path: Path) -> None:
    assert started(tmp_path, ["check", "nothing.yml"], "2>/dev/full >&-")[0] == 2
