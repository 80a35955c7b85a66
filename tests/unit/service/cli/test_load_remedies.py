"""What `scoreback load` says of rows that it could not use, and that its own remedy works."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scoreback.service.cli import app

ROWS = 40
COMPACT = "when,host\n" + "".join(f"202403021510{n:02},ws-{n}\n" for n in range(ROWS))


LATIN = ("id,wer\n" + "".join(f"e{n},M\u00fcller\n" for n in range(ROWS))).encode("latin-1")
GOOD = "2024-03-02T15:10:00Z"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def load(path: Path, data: str | bytes, *options: str) -> Result:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    home = path.parent / "home"
    given = ["load", str(path), "--stream", "s", "--home", str(home), *options]
    return CliRunner().invoke(app, given)


def test_where_most_rows_were_rejected_the_end_is_a_remedy_that_works(tmp_path: Path) -> None:
    result = load(tmp_path / "a.csv", COMPACT, "--time", "when")
    assert result.exit_code == 3
    last = result.stdout.rstrip().rpartition("\n\n")[2]
    assert last.startswith("Most rows were rejected.")
    assert "ws-" not in last
    form = re.search(r"--time-format '[^']+'", " ".join(last.split()))
    assert form is not None
    again = load(tmp_path / "a.csv", COMPACT, "--time", "when", *shlex.split(form[0]))
    assert again.exit_code == 0
    assert f"{ROWS} of {ROWS} rows loaded" in again.stdout


def test_a_table_in_another_code_page_is_told_how_to_become_utf_8(tmp_path: Path) -> None:
    rows = "time,user\n" + "2026-02-16 10:00:00,Müller\n" * 5
    path = tmp_path / "a.csv"
    path.write_bytes(rows.encode("cp1252"))
    given = ["load", str(path), "--stream", "s", "--home", str(tmp_path / "home"), "--time", "time"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 3
    assert "iconv -f WINDOWS-1252 -t UTF-8" in " ".join(result.stdout.split())


def test_where_few_rows_were_rejected_examples_are_shown_with_their_lines(tmp_path: Path) -> None:
    data = "time,host\n" + "1642213952,a\n" * 3 + f"never,{'b' * 200}\n"
    result = load(tmp_path / "a.csv", data, "--time", "time")
    assert "rejected, 1 rows: no time that Scoreback can read in 'time'" in result.stdout
    assert "line 5: never,bbb" in result.stdout
    assert "b" * 80 not in result.stdout
    assert "Most rows" not in result.stdout


def test_what_load_says_goes_on_at_words_at_80_columns(tmp_path: Path) -> None:
    data = "time,host\n" + "01/02/2026 10:00:00,a\n" * 3
    result = load(tmp_path / "a.csv", data, "--time", "time")
    assert "if that is wrong" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("content", "options", "remedy"),
    [
        ("when,host\n" + "soon,a\n" * ROWS, ["--time", "when"], "Name another column with --time"),
        (f"when,id\n{GOOD},e1\n" + f"{GOOD},\n" * ROWS, ["--time", "when", "--id", "id"], "--id"),
        (f"when,host\n{GOOD},a\n" + f"{GOOD},a,b\n" * ROWS, ["--time", "when"], "quoted texts"),
        (LATIN.replace(b"id,wer", b"when,wer"), ["--time", "when"], "again in UTF-8"),
    ],
)
def test_each_kind_of_fault_has_its_own_remedy(
    tmp_path: Path, content: str | bytes, options: list[str], remedy: str
) -> None:
    path = tmp_path / "export.csv"
    result = load(path, content, *options)
    last = " ".join(result.stdout.rpartition("Most rows were rejected.")[2].split())
    assert remedy in last
