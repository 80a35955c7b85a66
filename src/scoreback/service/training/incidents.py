"""Reads an incidents file: what incident response and purple teams know, as labels of entities.

A CSV file with a header: ``entity``, ``from``, ``to``, ``verdict``, and optionally ``known``, the
time from which the team knew it; without it, that is the end of the incident. ``to`` is empty while
an incident goes on; then ``known`` has to be there. Times are ISO 8601, UTC without an offset.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from scoreback.errors import ConfigError, DataError
from scoreback.records import LABEL_COLUMNS, Verdict

SOURCE = "incidents"
COLUMNS = ("entity", "from", "to", "verdict")


def incident_labels(path: Path) -> pa.Table:
    """The incidents of the file *path* as `LABEL_COLUMNS`.

    Raises:
        ConfigError: the file cannot be read.
        DataError: a line of it is wrong; the message names it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(path, csv.DictReader(file, strict=True)))
    except OSError as error:
        raise ConfigError(
            f"cannot read the incidents file {path}: {error.strerror or error}",
            hint="labels.incidents names a file beside the detector file",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"the incidents file {path} is no CSV text: {error}", hint="save it as CSV in UTF-8"
        ) from error
    return pa.Table.from_pylist(rows, schema=LABEL_COLUMNS)


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[dict[str, object]]:
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"the incidents file {path} has no column {missing[0]!r}",
            hint=f"its first line names the columns: {', '.join(COLUMNS)}",
        )
    for row in reader:
        try:
            yield _label(row)
        except ValueError as error:
            raise DataError(
                f"{path}:{reader.line_num}: {error}", hint="correct that line; nothing was used"
            ) from error


def _label(row: dict[str, str | None]) -> dict[str, object]:
    texts = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    if not texts["entity"]:
        raise ValueError("names no entity")
    since, until = _time(texts["from"], "from"), _time(texts["to"], "to")
    known = _time(texts.get("known", ""), "known") or until
    if since is None:
        raise ValueError("says no time in 'from'")
    if until is not None and until <= since:
        raise ValueError(f"ends at {until.isoformat()}, which is not after its beginning")
    if known is None:
        raise ValueError("goes on, and does not say in 'known' since when that is known")
    return {
        "entity": texts["entity"],
        "since": since,
        "until": until,
        "verdict": _verdict(texts["verdict"]),
        "label_time": known,
        "labeller": SOURCE,
        "source": SOURCE,
        "withdrawn": False,
    }


def _verdict(text: str) -> str:
    try:
        return Verdict(text.lower().replace(" ", "_")).value
    except ValueError as error:
        names = ", ".join(verdict.value for verdict in Verdict)
        raise ValueError(f"the verdict {text!r} is none of {names}") from error


def _time(text: str, column: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} in {column!r} is no time like 2026-03-01T12:00:00Z") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
