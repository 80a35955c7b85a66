"""Recognises an export file by its content, whatever its name, and opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from scoreback.connectors.local.loading.json_shapes import JsonShape, find_shape
from scoreback.connectors.local.loading.packing import UTF_16, Packing, as_utf8, unpacked
from scoreback.errors import ConfigError, DataError
from scoreback.regular_file import read_regular

Kind = Literal["csv", "json", "parquet", "zeek"]

READ = "CSV, TSV, JSON in lines, lists or answers, and Parquet; text also as .gz or in a .zip"

_TEXT_ENDINGS = {".csv", ".tsv", ".txt", ".log"}
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_OTHERS = {  # how unsupported files begin: what they are, and what to do
    b"\x28\xb5\x2f\xfd": ("zstd", "unpack it"),
    b"BZh": ("bzip2", "unpack it"),
    b"\xfd7zXZ": ("xz", "unpack it"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "unpack it"),
    b"SQLite format 3": ("SQLite", "export its table as CSV"),
    b"ARROW1": ("Arrow", "write it as Parquet"),
    b"ElfFile\0": (
        "a Windows event log",
        "export it with: Get-WinEvent -Path FILE.evtx | ConvertTo-Json > FILE.json",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet from Excel as 'CSV UTF-8'"),
    b"<?xml": ("XML", "export it as JSON or CSV"),
    b"<Events": ("XML", "export it as JSON or CSV"),
}
# what evtx_dump writes before each record, which then follows as pretty JSON
_EVTX_DUMP = b"Record "
_SAMPLE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export file and the format that was recognised."""

    path: Path
    kind: Kind
    packing: Packing
    size: int
    utf16: bool = False
    shape: JsonShape | None = None  # for JSON only

    @contextmanager
    def open(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The content as UTF-8, and the underlying file, whose position shows the progress.

        Raises:
            DataError: while the block runs, if the packed content is cut off or damaged.
        """
        with unpacked(self.path, self.packing) as (content, file):
            if not self.utf16:
                yield content, file
                return
            with as_utf8(content) as text:
                try:
                    yield text, file
                except EOFError as error:
                    if self.packing:
                        raise
                    raise DataError(
                        f"{self.path} is cut off: its UTF-16 ends in the middle of a character",
                        hint="export or copy it again; nothing was loaded",
                    ) from error


def find_export(path: Path, strip: str | None = None) -> Export:
    """Recognise the file at *path*; its events are wrapped in *strip*, if that is given.

    Raises:
        ConfigError: the file does not exist, or *strip* is given for a file that is not JSON.
        DataError: the format is not supported, or the file is empty.
    """
    try:
        head = read_regular(path, 16)
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the file name and your permissions",
        ) from error
    if not head:
        raise DataError(f"{path} is empty", hint="export it again")
    packing: Packing = ""
    if head.startswith((_GZIP, _ZIP)):
        packing = "gzip" if head.startswith(_GZIP) else "zip"
    export = Export(path=path, kind="csv", packing=packing, size=size)
    with export.open() as (content, _file):
        utf16 = (sample := content.read(_SAMPLE)).startswith(UTF_16)
    if utf16:
        export = Export(path=path, kind="csv", packing=packing, size=size, utf16=True)
        with export.open() as (content, _file):
            sample = content.read(_SAMPLE)
    _refuse_others(export, sample)
    shape = find_shape(sample, strip)
    if strip and shape is None:
        raise ConfigError(
            f"{path} is not JSON, so no wrapper can be stripped from its events",
            hint="leave --strip out; name columns with --time and --field",
        )
    if sample.startswith(_PARQUET) and not packing:
        return Export(path=path, kind="parquet", packing="", size=size)
    if shape is not None:
        return Export(path=path, kind="json", packing=packing, size=size, utf16=utf16, shape=shape)
    if sample.removeprefix(b"\xef\xbb\xbf").startswith(b"#separator "):
        return Export(path=path, kind="zeek", packing=packing, size=size, utf16=utf16)
    _refuse_unless_rows(export, sample)
    return export


def _refuse_others(export: Export, sample: bytes) -> None:
    inside = f"its {export.packing} holds" if export.packing else "it holds"
    for magic, (name, remedy) in _OTHERS.items():
        if sample.startswith(magic):
            raise DataError(
                f"{export.path} is not a supported export: {inside} {name}",
                hint=f"{remedy}; read are {READ}",
            )
    if export.packing and sample.startswith((_PARQUET, _GZIP, _ZIP)):
        raise DataError(
            f"{export.path} contains a file that is packed itself, such as Parquet",
            hint="unpack it and load the file inside",
        )
    if not sample.startswith(_PARQUET) and sample.count(b"\0") * 100 > len(sample):
        raise DataError(
            f"{export.path} is not text: {inside} binary data or UTF-16 text without its mark",
            hint="convert it to UTF-8 text",
        )


def _refuse_unless_rows(export: Export, sample: bytes) -> None:
    """Refuse non-JSON text whose name and first line do not look like a table."""
    endings = {ending.lower() for ending in export.path.suffixes[-2:]}
    if endings & _TEXT_ENDINGS:
        return
    first, _, second = sample.partition(b"\n")
    if first.startswith(_EVTX_DUMP) and second.lstrip().startswith(b"{"):
        raise DataError(
            f"{export.path} is not pure JSON: a line such as {first.decode(errors='replace')!r}"
            " precedes each record",
            hint="have evtx_dump write JSON lines: evtx_dump -o jsonl FILE.evtx > FILE.jsonl",
        )
    if ".parquet" in endings:
        found = "it does not begin as Parquet files do"
    elif any(mark in first for mark in (b",", b"\t", b";")):
        return
    else:
        found = "no line begins with a JSON object, and the first line has no column names"
    raise DataError(
        f"{export.path} is not a supported export: {found}",
        hint=f"supported formats: {READ}; if it is a table with one column, rename it to end in"
        " .csv",
    )
