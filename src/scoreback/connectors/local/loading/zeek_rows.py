"""Reads Zeek's TSV logs: names in ``#fields``, no quotes, marks for unset and empty values.

The format is the one documented for Zeek's ASCII writer: lines that begin with ``#`` say how to
read the others. A set or vector stays one text, as written.
"""

from collections.abc import Iterator, Sequence

from scoreback.connectors.local.loading.csv_rows import PIECE_ROWS, CsvRows
from scoreback.errors import DataError


class ZeekRows(CsvRows):
    """The rows of a Zeek log; unset and empty values count as missing."""

    def _header(self) -> tuple[list[str], str]:
        separator = "\t"
        self._marks = {"-", "(empty)"}
        marks = {"#unset_field": "-", "#empty_field": "(empty)"}
        for line in self._lines:
            text = line.rstrip("\r\n").removeprefix("\ufeff")
            self._lines.finish()
            if text.startswith("#separator "):
                separator = (
                    text.split(" ", 1)[1].encode("ascii", "replace").decode("unicode_escape")
                )
                continue
            name, *values = text.split(separator) if separator else [text]
            if name in marks and values:
                marks[name] = values[0]
            elif name == "#fields" and values:
                self._marks = set(marks.values())
                self._fields = values
                return values, separator
            elif not name.startswith("#"):
                break
        raise DataError(
            f"{self._path} begins like a Zeek log, but has no '#fields' line with the column names",
            hint="export it again with its header lines",
        )

    def _rows(self, width: int, delimiter: str) -> Iterator[tuple[list[list[str]], Sequence[int]]]:
        rows: list[list[str]] = []
        begins: list[int] = []
        for line in self._lines:
            text = line.rstrip("\r\n")
            if self._lines.flaws:
                self._reject(self._lines.flaws[0])
                continue
            row = text.split(delimiter)
            if text.startswith("#"):
                self._refuse_others(row)
            elif len(row) == width:
                rows.append(["" if value in self._marks else value for value in row])
                begins.append(self._lines.begin)
            elif text:
                self._reject(f"{len(row)} values in a row of {width} columns")
                continue
            self._lines.finish()
            if len(rows) == PIECE_ROWS:
                yield rows, begins
                rows, begins = [], []
        if rows:
            yield rows, begins

    def _refuse_others(self, row: list[str]) -> None:
        """Refuse a second log in the same file if its columns differ."""
        if row[0] == "#fields" and row[1:] != self._fields:
            raise DataError(
                f"{self._path} holds logs with different columns, from line {self._lines.begin:,}",
                hint="load each log as a separate file",
            )
