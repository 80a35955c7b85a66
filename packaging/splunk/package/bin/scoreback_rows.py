"""Rows of a search as the model takes them, and what it says of them beside each row.

A row is passed on as it came, byte by byte, with the new fields at its end: writing all of its
fields anew would cost as much as scoring it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from scoreback_models import InForce
from scoreback_portable.reading import TIMES, Column, Times
from scoreback_portable.scorer import Scored, Scorer

ADDED = (
    "scoreback_score", "scoreback_threshold", "scoreback_alert", "scoreback_version",
    "scoreback_reasons",
)  # fmt: skip
NULL = "null"  # what Splunk makes of JSON's null; the service takes it for missing, too
MOST_TEXT = 1_000_000  # characters; the service takes a longer field for a missing one
_SEVERAL = "$;$"  # between the values of a field that has several
_VALUE = re.compile(r"\$((?:[^$]|\$\$)*)\$(?:;|\Z)")

csv.field_size_limit(2**31 - 1)


class Unreadable(Exception):
    """Splunkd sent rows that are no CSV."""


class Rows:
    """Scores the rows of one search."""

    def __init__(self, in_force: InForce, reasons: int) -> None:
        """Prepare to score by *in_force*, and to tell so many *reasons* of an alert."""
        model = in_force.model
        self._scorer, self._cut, self._reasons = Scorer(model), in_force.cut, reasons
        read = [f for f in model.fields if f not in TIMES]
        self._names = {field: list(in_force.names.get(field, [field])) for field in read}
        self._timed = len(read) < len(model.fields)
        self._quiet = f",{in_force.threshold!r},0,{_quoted(model.version)},\n"
        self._alert = f",{in_force.threshold!r},1,{_quoted(model.version)},"

    @property
    def required(self) -> list[str]:
        """The fields that the search has to give: all that the model may find its own under."""
        names = {name for names in self._names.values() for name in names}
        return sorted(names | ({"_time", "_indextime"} if self._timed else set()))

    def scored(self, body: bytes) -> bytes:
        """The rows of *body*, each with the new fields.

        Raises:
            Unreadable: they are no CSV.
        """
        if not body:
            return b""
        table = _Table(body.decode("utf-8", "surrogateescape"))
        if not table.rows:
            return body
        columns = {field: table.column(names) for field, names in self._names.items()}
        times = table.times() if self._timed else Times((), ())
        found = self._scorer.score(len(table.rows), columns.__getitem__, times, self._cut)
        lines = [f"{line},{score!r}{self._quiet}" for line, score in zip(table.lines, found.scores)]
        for row in found.alerts:
            told = self._told(found, row, columns)
            lines[row] = f"{table.lines[row]},{found.scores[row]!r}{self._alert}{told}\n"
        head = ",".join([table.head, *ADDED])
        return "".join([head, "\n", *lines]).encode("utf-8", "surrogateescape")

    def _told(self, found: Scored, row: int, columns: dict[str, Column]) -> str:
        if not self._reasons:
            return ""
        return _quoted(self._scorer.reasons(found, row, columns.__getitem__, self._reasons))


class _Table:
    """The rows of one chunk: as text, and as their fields."""

    def __init__(self, text: str) -> None:
        self._has_lists = _SEVERAL in text
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        # Python before 3.11 reads no NUL; no number, address or known value has one.
        readable = text.replace("\0", "\ufffd") if "\0" in text else text
        try:
            reader = csv.reader(io.StringIO(readable, newline="\n"), strict=True)
            rows = list(reader)
            if len(rows) != len(lines):  # a field goes on in the next line
                reader = csv.reader(io.StringIO(readable, newline="\n"), strict=True)
                ends = [0]
                ends.extend(reader.line_num for _ in reader)
                lines = ["\n".join(lines[a:b]) for a, b in zip(ends, ends[1:])]
        except csv.Error as error:
            raise Unreadable(f"splunkd sent rows that cannot be read: {error}") from error
        if lines[0].endswith("\r"):
            lines = [line[:-1] if line.endswith("\r") else line for line in lines]
        if not all(rows):  # empty lines
            kept = [place for place, row in enumerate(rows) if row]
            rows, lines = [rows[place] for place in kept], [lines[place] for place in kept]
        header = rows.pop(0) if rows else []
        self.head, self.lines, self.rows = (lines[0] if lines else ""), lines[1:], rows
        if set(ADDED) & set(header):
            header = self._without_ours(header)
        self._places = {name: place for place, name in enumerate(header)}
        self._longest = max(map(len, self.lines), default=0)

    def column(self, names: Sequence[str]) -> Column:
        """The field that is called by one of *names*: of each row the first that it has."""
        there = [name for name in names if name in self._places]
        if not there:
            return Column([""] * len(self.rows))
        found = self._one(there[0])
        for name in there[1:]:
            if len(found.several) < found.texts.count(""):
                found = _filled(found, self._one(name))
        return found

    def times(self) -> Times:
        """When the events happened, which is never after they were indexed, and when that was."""
        happened = [_micros(text) for text in self._texts("_time")]
        arrived = [_micros(text) for text in self._texts("_indextime")]
        clamped = [
            time if time is None or end is None else min(time, end)
            for time, end in zip(happened, arrived)
        ]
        return Times(clamped, arrived)

    def _one(self, name: str) -> Column:
        texts = self._texts(name)
        if NULL in texts:
            texts = ["" if text == NULL else text for text in texts]
        several: dict[int, Sequence[str]] = {}
        if self._has_lists and "__mv_" + name in self._places:
            for row, listed in enumerate(self._texts("__mv_" + name)):
                if listed:
                    values = [v.replace("$$", "$") for v in _VALUE.findall(listed)]
                    known = [value for value in values if value and value != NULL]
                    if len(known) > 1:
                        several[row] = known
                        texts[row] = ""
                    else:
                        texts[row] = "".join(known)
        if self._longest > MOST_TEXT:
            for row, text in enumerate(texts):
                if max(len(text), len("".join(several.get(row, ())))) > MOST_TEXT:
                    texts[row] = ""
                    several.pop(row, None)
        return Column(texts, several)

    def _texts(self, name: str) -> list[str]:
        place = self._places.get(name)
        if place is None:
            return [""] * len(self.rows)
        try:
            return [row[place] for row in self.rows]
        except IndexError as error:
            raise Unreadable("splunkd sent a row with fewer fields than it has names") from error

    def _without_ours(self, header: list[str]) -> list[str]:
        """Leave out what an earlier use of the command in the same search has added."""
        ours = {*ADDED, *("__mv_" + name for name in ADDED)}
        kept = [place for place, name in enumerate(header) if name not in ours]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\0")
        self.rows = [[row[place] for place in kept] for row in self.rows]
        writer.writerows([[header[place] for place in kept], *self.rows])
        self.head, *self.lines = text.getvalue().split("\0")[:-1]
        return [header[place] for place in kept]


def _filled(column: Column, other: Column) -> Column:
    """*column*, with what *other* has where it has nothing."""
    texts, several = list(column.texts), dict(column.several)
    for row, text in enumerate(texts):
        if not text and row not in several:
            texts[row] = other.texts[row]
            if row in other.several:
                several[row] = other.several[row]
    return Column(texts, several)


def _micros(text: str) -> int | None:
    """Epoch seconds as text in whole microseconds, what is below cut off."""
    whole, _, part = text.partition(".")
    try:
        return int(whole) * 1_000_000 + int((part + "000000")[:6])
    except ValueError:
        return None


def _quoted(text: str) -> str:
    """*text* as a field of CSV."""
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text
