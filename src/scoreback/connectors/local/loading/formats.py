"""Tells what an export file is, by its ending and by its bytes, and opens it."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from scoreback.errors import ConfigError, DataError
from scoreback.regular_file import open_regular, read_regular

ENDINGS = ".csv, .tsv, .ndjson, .jsonl or .parquet; the text ones also with .gz"

_KINDS: dict[str, Literal["csv", "ndjson", "parquet"]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
}
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "zip (or Excel)",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"SQLite format 3": "SQLite",
    b"ARROW1": "Arrow",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_SAMPLE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export file whose bytes are what its ending says."""

    path: Path
    kind: Literal["csv", "ndjson", "parquet"]
    gz: bool
    size: int

    @contextmanager
    def open(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The content, unpacked, and the file itself, whose position tells the progress.

        Raises:
            DataError: within the block, the packed content is cut off or damaged.
        """
        with open_regular(self.path) as file:
            if not self.gz:
                yield file, file
                return
            with gzip.GzipFile(fileobj=file) as content:
                try:
                    yield content, file  # type: ignore[misc]  # a GzipFile is read like a file
                except EOFError as error:
                    raise DataError(
                        f"{self.path} is cut off: its gzip data ends too early",
                        hint="export or copy it again; nothing was loaded",
                    ) from error
                except (gzip.BadGzipFile, zlib.error) as error:
                    raise DataError(
                        f"{self.path} is damaged: {error}",
                        hint="export or copy it again; nothing was loaded",
                    ) from error


def find_export(path: Path) -> Export:
    """Look at the file at *path*.

    Raises:
        ConfigError: there is no such file, or its ending is unknown.
        DataError: its bytes are not what its ending says.
    """
    endings = [ending.lower() for ending in path.suffixes]
    gz = endings[-1:] == [".gz"]
    kind = _KINDS.get((endings[-2:-1] if gz else endings[-1:] or [""])[0] if endings else "")
    if kind is None or (gz and kind == "parquet"):
        raise ConfigError(f"{path} has no ending that says what it is", hint=f"use {ENDINGS}")
    try:
        head = read_regular(path, 16)
        export = Export(path=path, kind=kind, gz=gz, size=path.stat().st_size)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}", hint="check the name and your rights"
        ) from error
    if not head:
        raise DataError(f"{path} is empty", hint="export it again")
    _check_magic(export, head, packed=gz)
    if kind != "parquet":
        with export.open() as (content, _file):
            sample = content.read(_SAMPLE)
        _check_magic(export, sample[:16], packed=False)
        _check_text(export, sample)
    return export


def _check_magic(export: Export, head: bytes, *, packed: bool) -> None:
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
    wanted = "gzip" if packed else {"parquet": "Parquet"}.get(export.kind, "")
    if found != wanted:
        raise DataError(
            f"{export.path} is not what its ending says: it "
            + (f"holds {found}" if found else f"does not begin like {wanted}"),
            hint=f"give it its right ending or convert it to UTF-8 text; read are {ENDINGS}",
        )


def _check_text(export: Export, sample: bytes) -> None:
    lines = [line.strip() for line in sample.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    lines = [line for line in lines if line]
    if sample.count(b"\0") * 100 > len(sample):
        raise DataError(
            f"{export.path} is not what its ending says: it holds binary data or UTF-16 text",
            hint="convert it to UTF-8 text",
        )
    if export.kind == "csv" and lines and _is_object(lines[0]):
        raise DataError(
            f"{export.path} is not what its ending says: it holds JSON lines",
            hint="give it the ending .ndjson",
        )
    if export.kind == "ndjson" and lines and not any(line.startswith(b"{") for line in lines):
        array = lines[0].startswith(b"[")
        raise DataError(
            f"{export.path} is not NDJSON: "
            + ("it is one JSON array" if array else "no line begins with an object"),
            hint="write one object a line, for example with: jq -c '.[]'"
            if array
            else "give it the ending of what it is, for example .csv",
        )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
