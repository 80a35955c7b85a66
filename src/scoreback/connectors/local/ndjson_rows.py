"""Reads NDJSON: objects flattened to dotted names, every value as the text that stands there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from scoreback.connectors.local.rejects import Rejects
from scoreback.connectors.local.rows import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    MAX_FIELD,
    MAX_ROW,
    NOT_UTF8,
    TOO_LONG_FIELD,
    TOO_LONG_ROW,
    Rows,
    Wanted,
    content_hash,
    tagged,
)
from scoreback.errors import DataError

MAX_DEPTH = 32  # deeper nesting is not an event
MAX_CELLS = 10_000_000  # rows times columns held at a time: some hundred megabytes

SEEN_NAMES = 10_000  # names that are remembered to tell what the file has

# Numbers stay as they are written: 1.10 is not 1.1, and a long id is not rounded.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class NdjsonRows:
    """The rows of an NDJSON file; a list gives its first value."""

    def __init__(self, path: Path, content: IO[bytes], wanted: Wanted, rejects: Rejects) -> None:
        """Read *content* of the file called *path*."""
        self._path = path
        self._content = content
        self._wanted = wanted
        self._rejects = rejects

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows in batches."""
        batch = _Batch(self._wanted)
        for number, line in self._lines():
            try:
                batch.add(number, line, _flat(line))
            except _Unusable as error:
                self._rejects.add(number, str(error), line)
            if self._wanted.columns is None and len(batch.names) > self._wanted.max_columns:
                raise DataError(
                    f"{self._path} has more than {self._wanted.max_columns:,} distinct fields",
                    hint="name the fields to load",
                )
            if batch.full():
                yield batch.rows()
                batch = _Batch(self._wanted)
        yield batch.rows()

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield each line that is text, and its number; blank ones are skipped."""
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
                self._rejects.add(number, NOT_UTF8, data.decode(errors="surrogateescape"))
                continue
            if line:
                yield number, line


class _Unusable(ValueError):
    """A line that is no event; the message is the reason."""


class _Batch:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._flat: list[dict[str, str]] = []
        self._numbers: list[int] = []
        self._texts: list[str] = []
        self._content: list[str] = []
        self._characters = 0
        self.names: dict[str, None] = {}  # wanted, in order of appearance
        self.seen: set[str] = set()

    def add(self, number: int, line: str, values: dict[str, str]) -> None:
        new = values.keys() - self.seen
        if any(not name or "\0" in name for name in new):
            raise _Unusable("a field without a name")
        if len(self.seen) < SEEN_NAMES:
            self.seen.update(new)
        if self._wanted.content is not None:
            tags = [tagged(name, values[name]) for name in sorted(values)]
            self._content.append(content_hash("".join(tags), self._wanted.content))
        if self._wanted.columns is not None:
            values = {name: v for name, v in values.items() if name in self._wanted.columns}
        if not values.keys() <= self.names.keys():
            self.names.update(dict.fromkeys(values))
        self._flat.append(values)
        self._numbers.append(number)
        self._texts.append(line)
        self._characters += len(line)

    def full(self) -> bool:
        rows = len(self._flat)
        return (
            rows >= BATCH_ROWS
            or self._characters > BATCH_CHARACTERS
            or rows * len(self.names) > MAX_CELLS
        )

    def rows(self) -> Rows:
        return Rows(
            columns={
                name: pa.array([values.get(name) for values in self._flat], pa.string())
                for name in self.names
            },
            names=self.seen,
            lines=self._numbers,
            content=None if self._wanted.content is None else self._content,
            source=self._texts.__getitem__,
        )


def _flat(line: str) -> dict[str, str]:
    """The line's object as text under dotted names; where two spell one name, the first counts."""
    try:
        found = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise _Unusable(f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise _Unusable(f"nested deeper than {MAX_DEPTH} levels") from error
    if not isinstance(found, dict):
        raise _Unusable("not a JSON object")
    values: dict[str, str] = {}
    _flatten("", found, values, MAX_DEPTH)
    if "\\u" in line:  # the only way to a lone surrogate, which no text column holds
        _check_unicode(values)
    return values


def _flatten(prefix: str, found: dict[str, Any], values: dict[str, str], depth: int) -> None:
    if not depth:
        raise _Unusable(f"nested deeper than {MAX_DEPTH} levels")
    for key, value in found.items():
        name = prefix + key
        while isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str):
            if len(value) > MAX_FIELD:
                raise _Unusable(TOO_LONG_FIELD)
            values.setdefault(name, value)
        elif isinstance(value, dict):
            _flatten(name + ".", value, values, depth - 1)
        elif value is not None:
            values.setdefault(name, "true" if value else "false")


def _check_unicode(values: dict[str, str]) -> None:
    try:
        for name, value in values.items():
            name.encode()
            value.encode()
    except UnicodeEncodeError as error:
        raise _Unusable(NOT_UTF8) from error
