"""Every engine has the same bounds: memory, UTC, no downloads, and a folder of its own to spill."""

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from scoreback.engine import open_engine, spilling_engine

SOURCE = Path(__file__).parents[2] / "src" / "scoreback"
# More than the memory given here, whatever is done to hold it.
TOO_MUCH = (
    "CREATE TABLE t AS SELECT range AS a, range * 7 AS b, hash(range) AS c FROM range(2_000_000)"
)


def test_an_engine_is_in_utc_and_fetches_nothing() -> None:
    with open_engine("64MB", threads=1) as engine:
        names = ("TimeZone", "threads", "temp_directory", "autoinstall_known_extensions",
                 "autoload_known_extensions", "allow_community_extensions")  # fmt: skip
        asked = ", ".join(f"current_setting('{name}')" for name in names)
        (found,) = engine.sql(f"SELECT {asked}").fetchall()
        assert found == ("UTC", 1, "", False, False, False)
        assert engine.sql("SELECT json_valid('{}')").fetchall() == [(True,)]


def test_no_engine_draws_a_progress_bar_into_what_a_program_says() -> None:
    asked = "SELECT current_setting('enable_progress_bar')"
    code = (
        "from scoreback.engine import open_engine\n"
        f'print(open_engine("64MB").execute("{asked}").fetchone())'
    )
    said = subprocess.run(  # as in a prompt, or in a worker that was spawned
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert said.stdout == "(False,)\n"


def test_without_a_folder_too_much_is_an_error_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_engine("25MB", threads=1) as engine, pytest.raises(duckdb.OutOfMemoryException):
        engine.execute(TOO_MUCH)
    assert not list(tmp_path.iterdir())


def test_with_a_folder_too_much_goes_there_and_is_gone_afterwards(tmp_path: Path) -> None:
    with spilling_engine("25MB", tmp_path, threads=1) as engine:
        engine.execute(TOO_MUCH)
        assert any(path.is_file() for path in tmp_path.rglob("*"))
    assert not list(tmp_path.iterdir())


def test_nothing_else_opens_an_engine_or_quotes_by_itself() -> None:
    wanted = re.compile(r"duckdb\.connect\(|def (identifier|literal|quoted|micros|_us)\(")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if wanted.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"engine.py", "sql.py", "times.py"}
