"""Reads JSON: flattens objects to dotted names and keeps every value as its original text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from scoreback.connectors.doors.intake import Fault
from scoreback.connectors.json.decode import CHUNK, AllFieldsDecoder, Decoded, FieldDecoder
from scoreback.connectors.json.flatten import leaves, parsed
from scoreback.connectors.local.loading.json_shapes import JsonShape
from scoreback.connectors.local.loading.json_text import documents
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.rows import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    MAX_ROW,
    NOT_UTF8,
    TOO_LONG_ROW,
    Rows,
    Wanted,
    content_hash,
    content_hashes,
    tagged,
)
from scoreback.connectors.local.loading.wrappers import joined, stripped
from scoreback.errors import DataError

MAX_CELLS = 10_000_000  # rows times columns in memory at a time: some hundred megabytes
CHUNK_CHARACTERS = 16_000_000  # lines decoded at a time

LINES = JsonShape()
SEEN_NAMES = 10_000  # how many names are remembered, to report what the file contains
_SAMPLE = 100  # in how many lines unwanted names are remembered


class NdjsonRows:
    """The rows of a file with JSON documents."""

    def __init__(
        self,
        path: Path,
        content: IO[bytes],
        wanted: Wanted,
        rejects: Rejects,
        shape: JsonShape = LINES,
        remedy: Callable[[str], str] = str,
    ) -> None:
        """Read *content* of the file called *path*, which holds its documents in *shape*.

        *remedy* says what to do about text that is not JSON as a whole, for a given reason.
        """
        self._remedy = remedy
        self._path = path
        self._shape = shape
        self._content = content
        self._wanted = wanted
        self._rejects = rejects
        self._names: dict[str, None] = {}  # fields with a value in any row so far
        every = wanted.columns is None or wanted.content is not None
        self._decoder = AllFieldsDecoder() if every else FieldDecoder(wanted.columns or ())

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows in batches."""
        batch: list[_Piece] = []
        for numbers, lines in self._chunks():
            batch.append(self._piece(numbers, lines))
            if _full(batch):
                yield self._rows(batch)
                batch = []
        yield self._rows(batch)

    def _chunks(self) -> Iterator[tuple[list[int], list[str]]]:
        numbers: list[int] = []
        lines: list[str] = []
        characters = 0
        for number, line in self._events():
            numbers.append(number)
            lines.append(line)
            characters += len(line)
            if len(lines) == CHUNK or characters > CHUNK_CHARACTERS:
                yield numbers, lines
                numbers, lines, characters = [], [], 0
        yield numbers, lines

    def _piece(self, numbers: list[int], lines: list[str]) -> "_Piece":
        """The events among *lines*; lines without an event are rejected."""
        if not self._names:
            self._see_unwanted(lines[:_SAMPLE])
        decoded = self._decoder.decode(lines)
        self._see(decoded)
        content = self._content_of(decoded, len(lines))
        columns = {
            name: column
            for name, column in decoded.columns.items()
            if (self._wanted.columns is None or name in self._wanted.columns)
            and column.null_count < len(column)
        }
        if decoded.bad:
            for row, reason in sorted(decoded.bad.items()):
                self._rejects.add(numbers[row], reason, lines[row])
            good = [row for row in range(len(lines)) if row not in decoded.bad]
            columns = {name: column.take(pa.array(good)) for name, column in columns.items()}
            numbers = [numbers[row] for row in good]
            lines = [lines[row] for row in good]
            content = [content[row] for row in good] if content else content
        return _Piece(columns, numbers, lines, content)

    def _see_unwanted(self, lines: list[str]) -> None:
        """Remember the names in some lines, so that an error can list what the file contains."""
        for line in lines:
            try:
                found = list(leaves(parsed(line)))
            except DataError:
                continue
            self._names.update(
                (".".join(pointer), None)
                for pointer, values in found
                if any(value is not None for value in values)
            )

    def _see(self, decoded: Decoded) -> None:
        self._names.update(
            (name, None)
            for name, column in decoded.columns.items()
            if column.null_count < len(column)
        )
        if len(self._names) < SEEN_NAMES:
            self._names.update((name, None) for values in decoded.slow.values() for name in values)
        if self._wanted.columns is None and len(self._names) > self._wanted.max_columns:
            raise DataError(
                f"{self._path} has more than {self._wanted.max_columns:,} distinct fields",
                hint="name the fields to load with --field",
            )

    def _content_of(self, decoded: Decoded, rows: int) -> list[str]:
        """A hash of each row's whole content, or none if no hash was requested."""
        if self._wanted.content is None:
            return []
        content = content_hashes(decoded.columns, rows, self._wanted.content)
        for row, values in decoded.slow.items():
            tags = [tagged(name, values[name]) for name in sorted(values)]
            content[row] = content_hash("".join(tags), self._wanted.content)
        return content

    def _rows(self, batch: list["_Piece"]) -> Rows:
        lines = [line for piece in batch for line in piece.lines]
        return Rows(
            columns={
                name: pa.concat_arrays(
                    [
                        piece.columns.get(name, pa.nulls(len(piece.lines), pa.string()))
                        for piece in batch
                    ]
                )
                for name in dict.fromkeys(name for piece in batch for name in piece.columns)
            },
            names=self._names,
            lines=[number for piece in batch for number in piece.numbers],
            content=None
            if self._wanted.content is None
            else [text for piece in batch for text in piece.content],
            source=lines.__getitem__,
        )

    def _events(self) -> Iterator[tuple[int, str]]:
        """Yield each event's document with the line where it begins."""
        found = self._lines() if self._shape.lines else self._cut_out()
        if self._shape.bulk:
            found = joined(found, self._rejects)
        return stripped(found, self._shape.strip, self._rejects) if self._shape.strip else found

    def _cut_out(self) -> Iterator[tuple[int, str]]:
        try:
            for number, document in documents(self._content, self._shape.lists, self._broken):
                if document.isascii() or _is_text(document):
                    yield number, document
                else:
                    self._rejects.add(number, NOT_UTF8, document, Fault.ENCODING)
        except DataError as error:
            raise DataError(
                f"{self._path} is not JSON as a whole: {error.message}",
                hint=self._remedy(error.message),
            ) from error

    def _broken(self, line: int, reason: str, document: str) -> None:
        self._rejects.add(line, f"not JSON: {reason}", document)

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield each line of valid text with its number; blank lines are skipped."""
        number = 0
        while data := self._content.readline(MAX_ROW):
            number += 1
            if len(data) == MAX_ROW and not data.endswith(b"\n"):
                self._rejects.add(number, TOO_LONG_ROW, data.decode(errors="surrogateescape"))
                while not (self._content.readline(MAX_ROW) or b"\n").endswith(b"\n"):
                    pass
                continue
            try:
                line = data.decode().removeprefix("\ufeff").strip()
            except UnicodeDecodeError:
                shown = data.decode(errors="surrogateescape")
                self._rejects.add(number, NOT_UTF8, shown, Fault.ENCODING)
                continue
            if line:
                yield number, line


def _is_text(document: str) -> bool:
    try:
        document.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Piece:
    """The events of one chunk of lines."""

    columns: dict[str, pa.Array]  # names of columns that have a value
    numbers: list[int]
    lines: list[str]
    content: list[str]


def _full(batch: list[_Piece]) -> bool:
    rows = sum(len(piece.lines) for piece in batch)
    return (
        rows >= BATCH_ROWS
        or sum(map(len, (line for piece in batch for line in piece.lines))) > BATCH_CHARACTERS
        or rows * len({name for piece in batch for name in piece.columns}) > MAX_CELLS
    )
