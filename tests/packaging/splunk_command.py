"""Drives the Splunk app's search command as splunkd would: a child, and chunks over its pipes."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoreback.models.portable.hard_events import RawEvent
from tests.packaging.splunk_app import SOURCES

COMMAND = SOURCES / "bin" / "scoreback_command.py"
PYTHONS = ("3.9", "3.13")  # of the Splunk versions that there are
_HEAD = re.compile(rb"chunked 1\.0,(\d+),(\d+)\n")
_SECONDS = 120

Row = dict[str, str]


def python(version: str) -> Path | None:
    """A Python of *version* on this machine: on the path, or of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    there = shutil.which(f"python{version}")
    candidates = [] if there is None else [Path(there)]
    candidates += sorted(root.glob(f"versions/{version}.*/bin/python"))
    for candidate in candidates:
        done = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and f" {version}." in done.stdout:
            return candidate
    return None


@dataclass(frozen=True)
class Answer:
    """What the command said."""

    status: int
    metadata: list[dict[str, Any]]
    bodies: list[str]
    errors: str

    @property
    def rows(self) -> list[Row]:
        """The rows of all chunks."""
        return [
            row for body in self.bodies if body
            for row in csv.DictReader(io.StringIO(body, newline="\n"))
        ]  # fmt: skip

    @property
    def error(self) -> str:
        """The message that the search's user reads."""
        told = self.metadata[-1]
        assert told["finished"] is True
        assert told["inspector"]["messages"] == [["ERROR", told["error"]]]
        assert self.status == 1
        assert "Traceback" not in self.errors, self.errors
        return str(told["error"])


def chunk(metadata: Mapping[str, object], body: bytes = b"") -> bytes:
    """One message."""
    text = json.dumps(metadata).encode()
    return b"chunked 1.0,%d,%d\n" % (len(text), len(body)) + text + body


def getinfo(arguments: Sequence[str], uri: str, session_key: str) -> bytes:
    """The first message of a search."""
    info = {"args": list(arguments), "splunkd_uri": uri, "session_key": session_key}
    return chunk({"action": "getinfo", "preview": False, "searchinfo": info})


def execute(bodies: Iterable[bytes]) -> bytes:
    """The messages with rows, and a last one without."""
    messages = [chunk({"action": "execute", "finished": False}, body) for body in bodies]
    return b"".join([*messages, chunk({"action": "execute", "finished": True})])


def answer(program: Path, said: bytes, home: Path | None = None) -> Answer:
    """What the command answers to all that is *said*; *home* is where Splunk lives."""
    environment = {"PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    if home is not None:
        environment["SPLUNK_HOME"] = str(home)
    done = subprocess.run(
        [program, "-W", "error", COMMAND], input=said, capture_output=True, env=environment,
        timeout=_SECONDS, check=False,
    )  # fmt: skip
    source = io.BytesIO(done.stdout)
    metadata, bodies = [], []
    while head := source.readline():
        match = _HEAD.fullmatch(head)
        assert match is not None, head
        metadata.append(json.loads(source.read(int(match[1]))))
        bodies.append(source.read(int(match[2])).decode("utf-8", "surrogateescape"))
    return Answer(done.returncode, metadata, bodies, done.stderr.decode())


def table(rows: Sequence[Mapping[str, str | Sequence[str]]], names: Sequence[str]) -> bytes:
    """*rows* as splunkd sends them: each field, and its values where it has several."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *(f"__mv_{name}" for name in names)])
    for row in rows:
        cells = [_cells(row.get(name, "")) for name in names]
        writer.writerow([*(shown for shown, _ in cells), *(listed for _, listed in cells)])
    return text.getvalue().encode("utf-8", "surrogatepass")


def rows_of(events: Iterable[RawEvent], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """*events* as rows of a search in which fields are called by *names*."""
    return [
        {
            "_time": f"{event.event_time // 10**6}.{event.event_time % 10**6:06d}",
            "_indextime": f"{event.arrival_time // 10**6}.{event.arrival_time % 10**6:06d}",
            **{names[field]: values for field, values in event.values.items()},
        }
        for event in events
    ]


def _cells(value: str | Sequence[str]) -> tuple[str, str]:
    values = [value] if isinstance(value, str) else list(value)
    if len(values) < 2:
        return "".join(values), ""
    listed = ";".join("$" + each.replace("$", "$$") + "$" for each in values)
    return "\n".join(values), listed
