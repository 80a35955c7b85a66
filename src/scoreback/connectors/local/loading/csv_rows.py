"""Reads CSV row by row, so that one bad row never spoils others.

In tab-separated text a quote is often just a character: a row with as many tabs as the header
counts as a row, whatever quotes it contains.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors.intake import Fault
from scoreback.connectors.json.flatten import MAX_TEXT, TOO_LONG
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.rows import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    MAX_ROW,
    NOT_UTF8,
    TOO_LONG_ROW,
    Rows,
    Wanted,
    content_hashes,
)
from scoreback.errors import DataError
from scoreback.multivalue import plain

DELIMITERS = ",;\t"
PIECE_ROWS = 8_192
PIECE_CELLS = 1_000_000
BLOCK = 262_144  # bytes tried as plain rows before the careful reader takes over


class CsvRows:
    """The rows of a CSV file; an empty value counts as missing."""

    def __init__(self, path: Path, content: IO[bytes], wanted: Wanted, rejects: Rejects) -> None:
        """Read *content* of the file called *path*."""
        self._path = path
        self._lines = _Lines(content)
        self._wanted = wanted
        self._rejects = rejects

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows in batches."""
        with _field_limit():
            header, delimiter = self._header()
            pieces: list[pa.RecordBatch] = []
            begins: list[int] = []
            waiting: list[list[str]] = []
            for rows, where in self._rows(len(header), delimiter):
                waiting += rows
                begins += where
                if len(waiting) >= PIECE_ROWS or len(waiting) * len(header) > PIECE_CELLS:
                    pieces.append(_columns(header, waiting))
                    waiting = []
                if len(begins) >= BATCH_ROWS or self._lines.characters > BATCH_CHARACTERS:
                    pieces.append(_columns(header, waiting))
                    yield self._batch(header, delimiter, pieces, begins)
                    pieces, begins, waiting = [], [], []
                    self._lines.characters = 0
            pieces.append(_columns(header, waiting))
            yield self._batch(header, delimiter, pieces, begins)

    def _header(self) -> tuple[list[str], str]:
        first = next(self._lines, "").removeprefix("\ufeff")
        if self._lines.flaws or "\r" in first.rstrip("\r\n"):
            raise DataError(
                f"the first line of {self._path} is not a header of column names in UTF-8",
                hint="save it as UTF-8 with column names in the first line and a newline after"
                " each line" + (_old_lines(self._path) if "\r" in first.rstrip("\r\n") else ""),
            )
        separator = _separator(first)
        if separator:
            self._lines.finish()
            first = next(self._lines, "")
        widest = separator or max(
            DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d), []))
        )
        names = [name.strip() for name in next(csv.reader([first], delimiter=widest), [])]
        header = [name or f"column_{i}" for i, name in enumerate(names, start=1)]
        twice = sorted(name for name, count in Counter(header).items() if count > 1)
        if twice:
            raise DataError(
                f"{self._path} has more than one column called {twice[0]!r}",
                hint="give each column its own name in the first line",
            )
        if self._wanted.columns is None and len(header) > self._wanted.max_columns:
            raise DataError(
                f"{self._path} has {len(header):,} columns, more than {self._wanted.max_columns:,}",
                hint="name the fields to load with --field",
            )
        self._lines.finish()
        return header, widest

    def _rows(self, width: int, delimiter: str) -> Iterator[tuple[list[list[str]], Sequence[int]]]:
        """Yield good rows and the line where each begins; reject the others."""
        while block := self._lines.block():
            rows = _plain(block, width, delimiter)
            if rows is not None:
                yield rows, self._lines.skip(len(block), len(rows))
            else:
                self._lines.hold(block)
                found = list(self._careful(width, delimiter))
                if found:
                    yield [row for _begin, row in found], [begin for begin, _row in found]

    def _careful(self, width: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of the held lines, one by one.

        A stray quote turns many lines into one row. Such a row is rejected by its first line, and
        the lines after it are read again as separate rows.
        """
        lines = self._lines
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while lines.held:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if (cells := _tabbed(lines, width, delimiter)) is not None:
                    yield lines.begin, cells
                    lines.finish(first_only=True)
                    continue
                long = "field larger than field limit" in str(error)
                if long:
                    self._reject(TOO_LONG)
                else:
                    self._reject(f"not CSV: {error}", Fault.TABLE)
                continue
            cells = (
                None
                if len(row) == width and len(lines.taken) == 1
                else _tabbed(lines, width, delimiter)
            )
            if cells is not None:
                yield lines.begin, cells
                lines.finish(first_only=True)
            elif len(row) == width and not lines.flaws:
                yield lines.begin, row
                lines.finish()
            elif row or lines.flaws:
                flaw = next(iter(lines.flaws.values()), "")
                if flaw:
                    self._reject(flaw, Fault.ENCODING if flaw == NOT_UTF8 else Fault.OTHER)
                else:
                    self._reject(f"{len(row)} values in a row of {width} columns", Fault.TABLE)
            else:
                lines.finish()  # a blank line

    def _reject(self, reason: str, fault: Fault = Fault.OTHER) -> None:
        self._rejects.add(self._lines.begin, reason, self._lines.taken[0], fault)
        self._lines.finish(first_only=True)

    def _batch(
        self, header: list[str], delimiter: str, pieces: list[pa.RecordBatch], begins: list[int]
    ) -> Rows:
        key = self._wanted.content
        schema = pa.schema([(name, pa.string()) for name in header])
        table = pa.Table.from_batches(pieces, schema=schema)
        columns = {name: _absent(table.column(name).combine_chunks()) for name in header}
        return Rows(
            columns={name: plain(column) for name, column in columns.items()},
            names=header,
            lines=begins,
            content=content_hashes(columns, len(begins), key) if key is not None else None,
            source=lambda i: delimiter.join(c[i].as_py() or "" for c in columns.values()),
        )


def _columns(header: list[str], rows: list[list[str]]) -> pa.RecordBatch:
    """Rows as columns, built piece by piece because Python lists of strings take much memory."""
    texts = zip(*rows, strict=True) if rows else ([] for _ in header)
    return pa.RecordBatch.from_arrays([pa.array(t, pa.string()) for t in texts], names=header)


def _separator(line: str) -> str:
    """The separator that Excel's first line ``sep=;`` names; "" for any other line."""
    name, _equals, mark = line.strip("\r\n").strip('"').partition("=")
    return mark if name.lower() == "sep" and mark in (*DELIMITERS, "|") else ""


def _tabbed(lines: "_Lines", width: int, delimiter: str) -> list[str] | None:
    """The first line read as a tab-separated row that keeps its quotes.

    None where it is not such a row, or where the following lines can only continue its values.
    """
    texts = [line.rstrip("\r\n") for line in lines.taken]
    cells = texts[0].split("\t")
    alone = len(texts) == 1 or any(text.count("\t") + 1 == width for text in texts[1:])
    if delimiter != "\t" or len(cells) != width or not alone or 0 in lines.flaws:
        return None
    return [
        cell[1:-1].replace('""', '"')
        if len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
        else cell
        for cell in cells
    ]


def _absent(column: pa.Array) -> pa.Array:
    """The column with empty texts turned into nulls."""
    empty = pc.equal(column, "")
    return pc.if_else(empty, None, column) if empty.true_count else column


def _plain(block: bytes, width: int, delimiter: str) -> list[list[str]] | None:
    """The rows of a block in which each line is one valid row; None where that is not so."""
    try:
        text = block.decode().replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n")
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    if "\r" in text or len(rows) != len(lines) or set(map(len, rows)) != {width}:
        return None
    return rows


class _Lines:
    """The file's lines; keeps those since the row's start, to reject them or read them again."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._waiting: deque[bytes] = deque()  # lines of a block that the careful reader takes
        self._again: deque[tuple[str, str]] = deque()
        self.taken: list[str] = []
        self.flaws: dict[int, str] = {}  # position in `taken` → what is wrong with that line
        self.begin = 1  # number of the first line in `taken`
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        flaw = ""
        if self._again:
            line, flaw = self._again.popleft()
        else:
            data = self._waiting.popleft() if self._waiting else self._read()
            if not data:
                raise StopIteration
            if len(data) > MAX_ROW:
                flaw, data = TOO_LONG_ROW, data[:MAX_TEXT] + b"\n"
            try:
                line = data.decode()
            except UnicodeDecodeError:
                line, flaw = data.decode(errors="surrogateescape"), flaw or NOT_UTF8
            self.characters += len(line)
        if flaw:
            self.flaws[len(self.taken)] = flaw
        self.taken.append(line)
        return line

    @property
    def held(self) -> bool:
        """Whether lines are waiting for the careful reader."""
        return bool(self._waiting or self._again)

    def block(self) -> bytes:
        """Some whole lines; empty at the end of the file. Call only when no lines are held."""
        return self._content.read(BLOCK) + self._read()

    def _read(self) -> bytes:
        """The rest of a line; of an overlong line, enough to see that it is too long."""
        data = self._content.readline(MAX_ROW)
        if len(data) == MAX_ROW and not data.endswith(b"\n"):
            while not (self._content.readline(MAX_ROW) or b"\n").endswith(b"\n"):
                pass
            data += b"\n"
        return data

    def hold(self, block: bytes) -> None:
        """Pass the lines of *block* to the careful reader."""
        self._waiting.extend(line + b"\n" for line in block.removesuffix(b"\n").split(b"\n"))

    def skip(self, size: int, rows: int) -> range:
        """Finish a block of *rows* plain rows; returns the lines where they begin."""
        begins = range(self.begin, self.begin + rows)
        self.begin += rows
        self.characters += size
        return begins

    def finish(self, *, first_only: bool = False) -> None:
        """Finish the row; *first_only*: read the lines after its first again."""
        done = 1 if first_only else len(self.taken)
        again = [(self.taken[i], self.flaws.get(i, "")) for i in range(done, len(self.taken))]
        self._again.extendleft(reversed(again))
        self.begin += done
        self.taken = []
        if self.flaws:
            self.flaws = {}


@contextmanager
def _field_limit() -> Iterator[None]:
    """Raise the csv module's process-wide field limit while the block runs."""
    before = csv.field_size_limit(MAX_TEXT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _old_lines(path: Path) -> str:
    """The command for lines that end in a carriage return alone, as old Macs wrote them."""
    new = f"lines-{path.name}"
    return f", for example with: `tr '\\r' '\\n' < {quote(str(path))} > {quote(new)}`"
