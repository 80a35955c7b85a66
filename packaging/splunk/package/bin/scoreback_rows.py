"""Rows of a search in the model's form, and the model's results added to each row.

A row is passed on as it came, with the new fields at its end: rewriting all its fields would cost
as much as scoring it. A chunk is read in blocks that fit into the processor's cache; of a block
only its lines and features are kept until there are enough rows to score together. The few alerts
are read once more, for their reasons.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, islice, repeat
from operator import itemgetter
from typing import NamedTuple

from scoreback_models import InForce
from scoreback_portable.reading import TIMES, Column, Fields, Times
from scoreback_portable.scorer import Scorer

ADDED = (
    "scoreback_score", "scoreback_threshold", "scoreback_alert", "scoreback_version",
    "scoreback_reasons",
)  # fmt: skip
NULL = "null"  # Splunk's text for JSON's null; the service treats it as missing, too
MOST_TEXT = 1_000_000  # characters; the service treats a longer field as missing
BLOCK = 1_000  # rows that are read at once
TOGETHER = 5_000  # about how many rows are scored at once
_SEVERAL = "$;$"  # between the values of a field with several
_VALUE = re.compile(r"\$((?:[^$]|\$\$)*)\$(?:;|\Z)")
_RAGGED = "splunkd sent a row with fewer fields than the header"

csv.field_size_limit(2**31 - 1)


class Unreadable(Exception):
    """Splunkd sent rows that are not CSV."""


class Rows:
    """Scores the rows of one search."""

    def __init__(self, in_force: InForce, reasons: int) -> None:
        """Prepare to score with *in_force*, and to give *reasons* reasons for an alert."""
        model = in_force.model
        self._scorer, self._cut, self._reasons = Scorer(model), in_force.cut, reasons
        read = [f for f in model.fields if f not in TIMES]
        self._names = {field: list(in_force.names.get(field, [field])) for field in read}
        self._timed = len(read) < len(model.fields)
        self._quiet = f",{in_force.threshold!r},0,{_quoted(model.version)},\n"
        self._alert = f",{in_force.threshold!r},1,{_quoted(model.version)},"

    @property
    def required(self) -> list[str]:
        """The fields that the search must return: all names that the model may read."""
        names = {name for names in self._names.values() for name in names}
        return sorted(names | ({"_time", "_indextime"} if self._timed else set()))

    def scored(self, body: bytes) -> bytes:
        """The rows of *body*, each with the new fields.

        Raises:
            Unreadable: the rows are not CSV.
        """
        text = body.decode("utf-8", "surrogateescape")
        made: list[str] = []
        waiting: list[_Read] = []
        rows = 0
        try:
            for block in _blocks(text, self.required):
                if not made:
                    made += [",".join([block.head, *ADDED]), "\n"]
                waiting.append(self._read(block))
                rows += len(block.lines)
                if rows >= TOGETHER:
                    made += self._lines(waiting)
                    waiting, rows = [], 0
            made += self._lines(waiting)
        except csv.Error as error:
            raise Unreadable(f"splunkd sent rows that cannot be read: {error}") from error
        return "".join(made).encode("utf-8", "surrogateescape") if made else body

    def _read(self, block: _Block) -> _Read:
        features = self._scorer.features(block.columns(self._names), self._times(block))
        return _Read(block.lines, features, block.again)

    def _times(self, block: _Block) -> Times:
        return block.times() if self._timed else Times((), ())

    def _lines(self, waiting: list[_Read]) -> list[str]:
        if not waiting:
            return []
        lines = [line for read in waiting for line in read.lines]
        features = [list(chain(*column)) for column in zip(*(read.features for read in waiting))]
        found = self._scorer.score(features, len(lines), self._cut)
        quiet = self._quiet
        made = [f"{line},{score!r}{quiet}" for line, score in zip(lines, found.scores)]
        for row, told in zip(found.alerts, self._told(waiting, found.alerts, features)):
            made[row] = f"{lines[row]},{found.scores[row]!r}{self._alert}{told}\n"
        return made

    def _told(
        self, waiting: list[_Read], alerts: Sequence[int], features: Sequence[Sequence[float]]
    ) -> Iterator[str]:
        """The reasons of each of *alerts*."""
        if not self._reasons:
            yield from repeat("", len(alerts))
            return
        ends = list(accumulate(len(read.lines) for read in waiting))
        for read, start, end in zip(waiting, [0, *ends], ends):
            rows = alerts[bisect_left(alerts, start) : bisect_left(alerts, end)]
            if rows:
                fields = read.again([read.lines[row - start] for row in rows]).columns(self._names)
            for place, row in enumerate(rows):
                values = [column[row] for column in features]
                yield _quoted(self._scorer.reasons(values, place, fields, self._reasons))


class _Read(NamedTuple):
    """What is kept of a block."""

    lines: list[str]
    features: list[list[float]]
    again: Callable[[list[str]], _Block]  # reads some of its lines again


class _Block:
    """Some rows of a chunk, as text and as fields."""

    def __init__(
        self, header: Sequence[str], head: str, rows: list[list[str]], lines: list[str]
    ) -> None:
        self.head, self.rows, self.lines = head, rows, lines
        if set(ADDED) & set(header):
            header = self._without_ours(header)
        self._header = header
        self._places = {name: place for place, name in enumerate(header)}
        self._picked: dict[str, Sequence[str]] = {}
        self.has_lists = self.has_nulls = True  # until there is proof that there are none
        self._longest = max(map(len, lines), default=0)

    def pick(self, names: Iterable[str]) -> None:
        """Extract the fields with these names: all at once is faster than one by one."""
        there = [name for name in names if name in self._places]
        if len(there) < 2:
            return
        try:
            fields = map(itemgetter(*(self._places[name] for name in there)), self.rows)
            self._picked = dict(zip(there, zip(*fields)))
        except IndexError as error:
            raise Unreadable(_RAGGED) from error

    def columns(self, names: Mapping[str, Sequence[str]]) -> Fields:
        """A function that returns the field with any of *names* as a column."""
        found = {field: self.column(each) for field, each in names.items()}
        return found.__getitem__

    @property
    def again(self) -> Callable[[list[str]], _Block]:
        """A function that reads some lines again without keeping this block's rows in memory."""
        header, head = self._header, self.head

        def read(lines: list[str]) -> _Block:
            rows = list(csv.reader((line.replace("\0", "\ufffd") for line in lines), strict=True))
            return _Block(header, head, rows, lines)

        return read

    def column(self, names: Sequence[str]) -> Column:
        """The field under any of *names*: for each row the first one that it has."""
        there = [name for name in names if name in self._places]
        if not there:
            return Column([""] * len(self.rows))
        found = self._one(there[0])
        for name in there[1:]:
            if len(found.several) < found.texts.count(""):
                found = _filled(found, self._one(name))
        return found

    def times(self) -> Times:
        """When the events happened (never after they were indexed), and when they were indexed."""
        happened = [_micros(text) for text in self._texts("_time")]
        arrived = [_micros(text) for text in self._texts("_indextime")]
        clamped = [
            time if time is None or end is None else min(time, end)
            for time, end in zip(happened, arrived)
        ]
        return Times(clamped, arrived)

    def _one(self, name: str) -> Column:
        texts = self._texts(name)
        if self.has_nulls and NULL in texts:
            texts = ["" if text == NULL else text for text in texts]
        several: dict[int, Sequence[str]] = {}
        if self.has_lists and "__mv_" + name in self._places:
            texts = list(texts)
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
            texts = list(texts)
            for row, text in enumerate(texts):
                if max(len(text), len("".join(several.get(row, ())))) > MOST_TEXT:
                    texts[row] = ""
                    several.pop(row, None)
        return Column(texts, several)

    def _texts(self, name: str) -> Sequence[str]:
        place = self._places.get(name)
        if place is None:
            return [""] * len(self.rows)
        if name in self._picked:
            return self._picked[name]
        try:
            return [row[place] for row in self.rows]
        except IndexError as error:
            raise Unreadable(_RAGGED) from error

    def _without_ours(self, header: list[str]) -> list[str]:
        """Drop what an earlier use of the command in the same search added."""
        ours = {*ADDED, *("__mv_" + name for name in ADDED)}
        kept = [place for place, name in enumerate(header) if name not in ours]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\0")
        self.rows = [[row[place] for place in kept] for row in self.rows]
        writer.writerows([[header[place] for place in kept], *self.rows])
        self.head, *self.lines = text.getvalue().split("\0")[:-1]
        return [header[place] for place in kept]


def _blocks(text: str, names: Sequence[str]) -> Iterator[_Block]:
    """The rows of a chunk, block by block; none if there is only a header."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if lines and lines[0].endswith("\r"):
        lines = [line[:-1] if line.endswith("\r") else line for line in lines]
    # Python's csv before 3.11 cannot read NUL; no number, address or known value contains one.
    readable = text.replace("\0", "\ufffd") if "\0" in text else text
    reader = csv.reader(io.StringIO(readable, newline="\n"), strict=True)
    header = next(reader, [])
    head, seen = "\n".join(lines[: reader.line_num]), reader.line_num
    has_lists, has_nulls = _SEVERAL in text, NULL in text
    while True:
        rows = list(islice(reader, BLOCK))
        if not rows:
            return
        own = lines[seen : reader.line_num]
        if len(own) != len(rows):  # a field continues on the next line
            own = _whole(own)
        seen = reader.line_num
        if not all(rows):  # empty lines
            own = [line for line, row in zip(own, rows) if row]
            rows = [row for row in rows if row]
        block = _Block(header, head, rows, own)
        block.has_lists, block.has_nulls = has_lists, has_nulls
        block.pick(names)
        yield block


def _whole(lines: Sequence[str]) -> list[str]:
    """The rows in *lines*, some of which continue on the next line."""
    reader = csv.reader(line.replace("\0", "\ufffd") + "\n" for line in lines)
    ends = [0, *(reader.line_num for _ in reader)]
    return ["\n".join(lines[a:b]) for a, b in zip(ends, ends[1:])]


def _filled(column: Column, other: Column) -> Column:
    """*column* with its gaps filled from *other*."""
    texts, several = list(column.texts), dict(column.several)
    for row, text in enumerate(texts):
        if not text and row not in several:
            texts[row] = other.texts[row]
            if row in other.several:
                several[row] = other.several[row]
    return Column(texts, several)


def _micros(text: str) -> int | None:
    """Epoch seconds as text, in whole microseconds; finer digits are dropped."""
    whole, _, part = text.partition(".")
    try:
        return int(whole) * 1_000_000 + int((part + "000000")[:6])
    except ValueError:
        return None


def _quoted(text: str) -> str:
    """*text* quoted as a CSV field."""
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text
