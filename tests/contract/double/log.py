"""What the double keeps: a file for each kind of document, each a line, only ever appended to."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scoreback.errors import SiemUnavailable
from scoreback.times import EPOCH, micros, moment

LOST = "the connection was lost; what became of the request is not known"


@dataclass(slots=True)
class Faults:
    """What goes wrong, in the order of requests that write; each is used up by one of them."""

    before: list[int] = field(default_factory=list)  # numbers of writes that never arrive
    after: list[int] = field(default_factory=list)  # that arrive, but for their answer
    doubled: list[int] = field(default_factory=list)  # that arrive twice
    writes: int = 0


class Log:
    """The documents of one folder, and the clock that says which of them can be seen."""

    def __init__(self, folder: Path, delay: timedelta) -> None:
        """Show what is sent into *folder* once *delay* has passed."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.delay, self.faults = folder, delay, Faults()
        self._clock = folder / "clock"
        self._parsed: dict[str, tuple[int, list[tuple[int, dict[str, Any]]]]] = {}

    @property
    def now(self) -> datetime:
        """The time, as the test has set it."""
        try:
            return moment(int(self._clock.read_text()))
        except FileNotFoundError:
            return EPOCH

    def set_clock(self, now: datetime) -> None:
        """Let it be *now*."""
        aside = self._clock.with_suffix(f".{os.getpid()}")
        aside.write_text(str(micros(now)))
        aside.replace(self._clock)

    def append(self, kind: str, documents: Iterable[dict[str, Any]]) -> None:
        """Keep *documents*, whatever is there already, as one request.

        Raises:
            SiemUnavailable: the connection was lost, before or after they came.
        """
        number, seen = self.faults.writes, micros(self.now + self.delay)
        self.faults.writes += 1
        if number in self.faults.before:
            raise SiemUnavailable(LOST, hint="try again")
        lines = "".join(json.dumps([seen, document]) + "\n" for document in documents)
        copies = 2 if number in self.faults.doubled else 1
        with self._file(kind).open("ab") as file:  # a kill half-way leaves some of the lines
            if file.tell() and not self._file(kind).read_bytes().endswith(b"\n"):
                file.write(b"\n")  # what was torn stays torn, and spoils nothing after it
            file.write(lines.encode() * copies)
        if number in self.faults.after:
            raise SiemUnavailable(LOST, hint="try again")

    def seen(self, kind: str) -> Iterator[dict[str, Any]]:
        """The documents of *kind* that a reader sees now, in the order they came, copies too."""
        now = micros(self.now)
        yield from (document for seen, document in self._kept(kind) if seen <= now)

    def kept(self, kind: str) -> list[dict[str, Any]]:
        """All documents of *kind*, seen or not: for tests that count."""
        return [document for _, document in self._kept(kind)]

    def forget(self, lately: timedelta) -> None:
        """Lose what came within *lately*, as a SIEM that was not shut down properly."""
        since = micros(self.now - lately + self.delay)
        for path in self.folder.glob("*.ndjson"):
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(line for line in lines if json.loads(line)[0] < since))
        self._parsed.clear()

    def _file(self, kind: str) -> Path:
        return self.folder / f"{kind}.ndjson"

    def _kept(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """All documents of *kind* and from when they are seen; only new ones are read."""
        done, found = self._parsed.get(kind, (0, []))
        try:
            with self._file(kind).open("rb") as file:
                file.seek(done)
                fresh = file.read()
        except FileNotFoundError:
            return found
        end = fresh.rfind(b"\n") + 1
        for line in fresh[:end].splitlines():
            try:
                seen, document = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            found.append((seen, document))
        self._parsed[kind] = done + end, found
        return found
