"""Reads an incidents file: what incident response and purple teams know, as labels of entities.

A CSV file with a header: ``entity``, ``from``, ``to``, ``verdict``, and optionally ``known``, the
time when the team came to know it, by default the end of the incident. ``to`` is empty while an
incident lasts; ``known`` is then required. Times are written as in an export, for example in ISO
8601; without an offset they are UTC. Other columns are ignored.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from scoreback.errors import ConfigError, DataError
from scoreback.records import LABEL_COLUMNS, Verdict
from scoreback.regular_file import read_regular
from scoreback.timestamps import FORMATS, TimeReader

SOURCE = "incidents"
COLUMNS = ("entity", "from", "to", "verdict")
LARGEST_FILE = 100_000_000  # bytes; some hundred thousand incidents have a tenth of it

_TIMES = ("from", "to", "known")
_BASIC_DATE = re.compile(r"\d{8}(T\d{2}(\d{2}){0,2}(Z|[+-]\d{2}:?\d{2})?)?")  # ISO 8601 as well

_Row = dict[str, str]


def incident_labels(path: Path) -> pa.Table:
    """The incidents of the file *path* as `LABEL_COLUMNS`.

    Raises:
        ConfigError: the file cannot be read.
        DataError: a line of it is wrong; the message names it.
    """
    try:
        rows = _rows(path, _text(path))
    except csv.Error as error:
        raise DataError(
            f"the incidents file {path} is not CSV text: {error}", hint="save it as CSV in UTF-8"
        ) from error
    times = read_times(row[name] for _, row in rows for name in _TIMES)
    labels = []
    for line, row in rows:
        try:
            labels.append(_label(row, times))
        except ValueError as error:
            raise DataError(
                f"{path}:{line}: {error}", hint="correct that line; nothing was used"
            ) from error
    return pa.Table.from_pylist(labels, schema=LABEL_COLUMNS)


def _text(path: Path) -> str:
    try:
        data = read_regular(path, LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the incidents file {path}: {error.strerror or error}",
            hint="labels.incidents names a file beside the detector file",
        ) from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"the incidents file {path} is larger than {LARGEST_FILE:,} bytes",
            hint="is this the right file?",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the incidents file {path} is not CSV text: {error.reason} at byte {error.start:,}",
            hint="save it as CSV in UTF-8",
        ) from error


def _rows(path: Path, text: str) -> Sequence[tuple[int, _Row]]:
    """Each row's last line and its values by column."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    for name in (*COLUMNS, "known"):
        if header.count(name) > 1 or (name in COLUMNS and name not in header):
            wrong = "more than one" if name in header else "no"
            there = ", ".join(repr(column) for column in header[:10]) or "none: it is empty"
            raise DataError(
                f"the incidents file {path} has {wrong} column {name!r}",
                hint=f"its first line names the columns, with commas between them:"
                f" {', '.join(COLUMNS)}; columns that it has: {there}",
            )
    rows = []
    for cells in reader:
        if not any(cells):
            continue  # a blank line
        if len(cells) > len(header):
            raise DataError(
                f"{path}:{reader.line_num}: {len(cells)} values in a row of {len(header)} columns",
                hint="put values that hold a comma in quotes; nothing was used",
            )
        values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        row = {name: values.get(name, "") for name in (*COLUMNS, "known")}
        rows.append((reader.line_num, row))
    return rows


def _label(row: _Row, times: Mapping[str, datetime]) -> dict[str, object]:
    if not row["entity"]:
        raise ValueError("it names no entity")
    since, until, known = (_time(row[name], name, times) for name in _TIMES)
    known = known or until
    if since is None:
        raise ValueError("there is no time in 'from'")
    if until is not None and until <= since:
        raise ValueError(f"ends at {until.isoformat()}, which is not after its beginning")
    if known is None:
        raise ValueError("it is still going on, and 'known' does not say since when it is known")
    return {
        "entity": row["entity"],
        "since": since,
        "until": until,
        "verdict": verdict_of(row["verdict"]),
        "label_time": known,
        "labeller": SOURCE,
        "source": SOURCE,
        "withdrawn": False,
    }


def verdict_of(text: str) -> str:
    """The verdict that *text* names, with blanks or underscores, in any case.

    Raises:
        ValueError: it names none.
    """
    try:
        return Verdict(text.lower().replace(" ", "_")).value
    except ValueError as error:
        names = ", ".join(verdict.value for verdict in Verdict)
        raise ValueError(f"{text!r} is not a verdict; use one of {names}") from error


def _time(text: str, column: str, times: Mapping[str, datetime]) -> datetime | None:
    if not text:
        return None
    if text not in times:
        raise ValueError(f"{text!r} in {column!r} is not a valid time ({FORMATS})")
    return times[text]


def read_times(texts: Iterable[str]) -> Mapping[str, datetime]:
    """Those of *texts* that are times, parsed all at once like those of an export."""
    asked = sorted(set(texts) - {""})
    with closing(TimeReader()) as reader:
        found = reader.read(pa.array(asked, pa.string())).values.to_pylist()
    times = {text: time for text, time in zip(asked, found, strict=True) if time is not None}
    for text in asked:
        if text not in times and _BASIC_DATE.fullmatch(text):
            try:
                time = datetime.fromisoformat(text)
            except ValueError:
                continue
            times[text] = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return times
