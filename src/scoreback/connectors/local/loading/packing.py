"""Unpacks an export and decodes it: gzip, a zip with one file, UTF-16."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

from scoreback.errors import DataError
from scoreback.regular_file import open_regular

Packing = Literal["", "gzip", "zip"]

UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks
_XLSX = "[Content_Types].xml"
_BLOCK = 262_144
_MOST_NAMES = 5  # how many names of a zip's files an error lists


@contextmanager
def unpacked(path: Path, packing: Packing) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The content of the file at *path*, and the file below it, whose position shows the progress.

    Raises:
        DataError: also while the block runs: the packed content is cut off, damaged or not one
            file.
    """
    with open_regular(path) as file:
        if not packing:
            yield file, file
            return
        try:
            if packing == "gzip":
                with gzip.GzipFile(fileobj=file) as content:
                    yield cast("IO[bytes]", content), file
            else:
                with zipfile.ZipFile(file) as archive, archive.open(_only(path, archive)) as member:
                    yield member, file
        except EOFError as error:
            raise DataError(
                f"{path} is cut off: its {packing} data ends too early",
                hint="export or copy it again; nothing was loaded",
            ) from error
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(
                f"{path} is damaged: {error}",
                hint="export or copy it again; nothing was loaded",
            ) from error


def _only(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The name of the only file in *archive*."""
    there = [
        one
        for one in archive.infolist()
        if not one.is_dir() and not one.filename.startswith("__MACOSX/")
    ]
    names = [one.filename for one in there]
    if _XLSX in names:
        raise DataError(
            f"{path} is an Excel workbook, which Scoreback cannot read",
            hint="save the sheet from Excel as 'CSV UTF-8 (comma delimited)' and load that file",
        )
    if len(there) != 1:
        some = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        raise DataError(
            f"{path} is a zip of {len(there)} files" + (f": {some}" if some else ""),
            hint="unpack it and load each file",
        )
    if there[0].flag_bits & 1:
        raise DataError(
            f"{path} is a zip with a password", hint="unpack it and load the file inside"
        )
    if there[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path} is a zip file of an unsupported kind",
            hint="unpack it and load the file inside",
        )
    return there[0]


def as_utf8(content: IO[bytes]) -> IO[bytes]:
    """UTF-16 *content*, which begins with its mark, as UTF-8; half surrogate pairs stay invalid."""
    return io.BufferedReader(_Utf8(content), _BLOCK)


class _Utf8(io.RawIOBase):
    """UTF-16 read as UTF-8."""

    def __init__(self, content: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(
            cast("io.BufferedReader", content), "utf-16", "surrogatepass", newline=""
        )
        self._left = b""

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill *buffer* with the next bytes."""
        if not self._left:
            try:
                text = self._text.read(max(1, len(buffer) // 4))
            except UnicodeDecodeError as error:
                raise EOFError(str(error)) from error
            self._left = text.encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def close(self) -> None:
        """Release the text layer, but do not close the content below it."""
        if not self.closed:
            self._text.detach()
        super().close()
