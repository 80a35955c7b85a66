"""Reads a file of verdicts on alerts, and says what is wrong in each of its lines.

CSV with a header, in UTF-8, separated by commas, semicolons or tabs: ``alert`` (an alert's id, or
the beginning of one), ``verdict``, and optionally ``at``, when it was given, and ``by``, who gave
it. Other columns are ignored.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scoreback.errors import ConfigError, DataError, NotThere
from scoreback.records import Verdict
from scoreback.regular_file import read_regular
from scoreback.service.detectors.incidents import read_times, verdict_of
from scoreback.timestamps import FORMATS

NEEDED = ("alert", "verdict")
LARGEST_FILE = 50_000_000  # bytes; more verdicts than a team gives in its life
# Accepted names of each column, the first one preferred; `scoreback verdict --json` has the others.
_CALLED = {
    "alert": ("alert", "alert_id", "id"),
    "verdict": ("verdict",),
    "at": ("at", "closed_at"),
    "by": ("by", "labeller"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One verdict of the file."""

    number: int  # line number in the file
    alert: str
    verdict: Verdict
    at: datetime | None  # None: not given
    by: str  # empty: not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong in one line."""

    number: int
    why: str


def read_verdicts(path: Path) -> tuple[list[Line], list[Wrong]]:
    """The verdicts in the file *path*, and the lines with errors.

    Raises:
        ConfigError: the file cannot be read.
        DataError: it is not a file of verdicts.
    """
    try:
        rows = _rows(path, _text(path))
    except csv.Error as error:
        raise DataError(f"{path} is not CSV text: {error}", hint="save it as CSV") from error
    times = read_times(row["at"] for _, row in rows)
    lines: list[Line] = []
    wrong: list[Wrong] = []
    for number, row in rows:
        try:
            lines.append(_line(number, row, times))
        except ValueError as error:
            wrong.append(Wrong(number=number, why=str(error)))
    return lines, wrong


def _line(number: int, row: Mapping[str, str], times: Mapping[str, datetime]) -> Line:
    why = "" if row["alert"] else "it names no alert"
    if row["at"] and row["at"] not in times:
        why = f"{row['at']!r} is not a valid time ({FORMATS})"
    if why:
        raise ValueError(why)
    return Line(
        number=number,
        alert=row["alert"],
        verdict=Verdict(verdict_of(row["verdict"])),
        at=times.get(row["at"]),
        by=row["by"],
    )


def _text(path: Path) -> str:
    try:
        data = read_regular(path, LARGEST_FILE + 1)
    except (FileNotFoundError, IsADirectoryError) as error:
        what = "is a folder" if path.is_dir() else "does not exist"
        raise NotThere(f"{path} {what}", hint="check the path") from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}", hint="check the path"
        ) from error
    if len(data) > LARGEST_FILE:
        raise DataError(
            f"{path} is larger than {LARGEST_FILE:,} bytes", hint="split it into several files"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", hint="save it as CSV in UTF-8") from error


def _rows(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    """Each row's first line, and its values by column: '' where there is none."""
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = [name.strip().lower() for name in next(reader, [])]
    called = {}
    for name, names in _CALLED.items():
        called[name] = next((each for each in names if each in header), name)
        count = header.count(called[name])
        if count > 1 or (not count and name in NEEDED):
            there = ", ".join(map(repr, header[:10])) or "none"
            raise DataError(
                f"{path} has {'more than one' if count else 'no'} column {name!r}",
                hint=f"its first line names the columns: {', '.join(NEEDED)}, and at and by where"
                f" they are known; columns that it has: {there}",
            )
    rows = []
    before = reader.line_num
    for cells in reader:
        number, before = before + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            values = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            rows.append((number, {name: values.get(called[name], "") for name in _CALLED}))
    return rows
