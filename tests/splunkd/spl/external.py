"""Custom commands of installed apps: run as a child by the chunked protocol, version 2.

A message is ``chunked 1.0,<bytes of metadata>,<bytes of body>`` on a line, then JSON, then CSV.
First comes ``getinfo``, then ``execute`` with the rows, until the command says that it is finished.
"""

import contextlib
import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.row_commands import Results
from tests.splunkd.spl.values import CommandFailed, Row, SearchFailed, SearchRefused, Value, text

CHUNK = 50_000
_HEADER = re.compile(rb"chunked 1\.0,(\d+),(\d+)\n")
_SECONDS = 60
csv.field_size_limit(100_000_000)


@dataclass(frozen=True)
class Program:
    """A command of an app."""

    name: str
    folder: Path
    """The app's."""
    file: str
    python: str = sys.executable


class _Child:
    """The process of one command in one search."""

    def __init__(self, program: Program, home: str) -> None:
        self._program = program
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(
            [program.python, str(program.folder / "bin" / program.file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=program.folder / "bin",
            env={
                "PATH": os.environ.get("PATH", ""),
                "SPLUNK_HOME": home,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the child has no pipes")
        return self._process.stdin, self._process.stdout

    def told(self, metadata: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Send a message; its answer."""
        to, back = self._pipes
        about = json.dumps(metadata).encode()
        try:
            to.write(b"chunked 1.0,%d,%d\n" % (len(about), len(body)) + about + body)
            to.flush()
            header = _HEADER.fullmatch(back.readline())
        except BrokenPipeError:
            header = None
        if header is None:
            raise CommandFailed(
                f"Error in '{self._program.name}' command: External search command exited "
                f"unexpectedly with non-zero error code {self._process.poll()}. {self._errors()}"
            )
        answered = json.loads(back.read(int(header[1])) or b"{}")
        return answered, back.read(int(header[2]))

    def _errors(self) -> str:
        """The end of what it wrote to its standard error."""
        self._process.kill()
        self._process.wait(_SECONDS)
        self._said.seek(0)
        return self._said.read()[-2000:].decode(errors="replace").strip()

    def end(self) -> None:
        """Let it end; kill it if it does not."""
        for pipe in self._pipes:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_SECONDS)
        self._said.close()


def run(
    program: Program, results: Results, arguments: str, knowledge: Knowledge, first: bool
) -> Results:
    """The rows that a command makes of rows.

    Raises:
        SearchRefused: The command does not accept its arguments.
        SearchFailed: It ends before it is done.
    """
    given = shlex.split(arguments)
    child = _Child(program, str(knowledge.instance.store.folder))
    try:
        info, _ = child.told(_getinfo(program, given, arguments, knowledge))
        _check(program, info, SearchRefused)
    except (SearchFailed, SearchRefused):
        child.end()
        raise
    generates = bool(info.get("generating"))
    if generates != first:
        child.end()
        where = "must be the first" if generates else "cannot be the first"
        raise SearchRefused(f"Error in '{program.name}' command: This command {where} command.")
    transforms = info.get("type") in ("reporting", "events")
    rows = _made(program, child, [] if first else results.rows, results.messages)
    columns = None if transforms or first else results.columns
    made = Results(rows, columns, results.transformed or transforms, results.messages)
    if columns is not None:  # what the command adds comes behind
        ahead = list(islice(rows, 1))
        made.rows = chain(ahead, rows)
        made.columns = list(dict.fromkeys([*columns, *(name for row in ahead for name in row)]))
    return made


def _made(
    program: Program, child: _Child, rows: Iterable[Row], messages: list[tuple[str, str]]
) -> Iterator[Row]:
    source = iter(rows)
    try:
        ahead = list(islice(source, CHUNK))
        finished = False
        while not finished:
            chunk, ahead = ahead, list(islice(source, CHUNK))
            last = not ahead
            answer, body = child.told({"action": "execute", "finished": last}, _as_csv(chunk))
            _check(program, answer, CommandFailed, messages)
            yield from _rows(body)
            finished = bool(answer.get("finished")) or (last and not chunk and not body)
    finally:
        child.end()


def _getinfo(
    program: Program, given: list[str], arguments: str, knowledge: Knowledge
) -> dict[str, Any]:
    instance = knowledge.instance
    user = knowledge.owner if knowledge.owner in instance.accounts.users else "admin"
    return {
        "action": "getinfo",
        "preview": False,
        "streaming_command_will_restart": False,
        "searchinfo": {
            "app": knowledge.app,
            "args": given,
            "raw_args": given,
            "command": program.name,
            "dispatch_dir": str(instance.store.folder),
            "earliest_time": "0",
            "latest_time": str(knowledge.now),
            "maxresultrows": CHUNK,
            "owner": user,
            "username": user,
            "search": f"{program.name} {arguments}",
            "session_key": instance.accounts.session_of(user),
            "sid": instance.jobs.sid("command_"),
            "splunk_version": instance.version,
            "splunkd_uri": instance.url,
        },
    }


def _check(
    program: Program,
    answer: dict[str, Any],
    failure: type[SearchFailed | SearchRefused],
    messages: list[tuple[str, str]] | None = None,
) -> None:
    """Raise what a command says went wrong; keep what else it says."""
    if answer.get("error"):
        raise failure(f"Error in '{program.name}' command: {answer['error']}")
    for level, said in answer.get("inspector", {}).get("messages", []):
        if level in ("ERROR", "FATAL"):
            raise failure(f"Error in '{program.name}' command: {said}")
        if messages is not None:
            messages.append((level, f"[{program.name}] {said}"))


def _as_csv(rows: list[Row]) -> bytes:
    if not rows:
        return b""
    names = list(dict.fromkeys(name for row in rows for name in row))
    several = [n for n in names if any(isinstance(row.get(n), list) for row in rows)]
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([*names, *(f"__mv_{name}" for name in several)])
    for row in rows:
        cells = [_cell(row.get(name)) for name in names]
        writer.writerow([*cells, *(_marked(row.get(name)) for name in several)])
    return made.getvalue().encode()


def _cell(value: Value | None) -> str:
    if value is None:
        return ""
    return "\n".join(value) if isinstance(value, list) else text(value)


def _marked(value: Value | None) -> str:
    if not isinstance(value, list):
        return ""
    return ";".join("$" + each.replace("$", "$$") + "$" for each in value)


_PART = re.compile(r"\$((?:[^$]|\$\$)*)\$(?:;|\Z)", re.DOTALL)


def _rows(body: bytes) -> Iterator[Row]:
    if not body:
        return
    reader = csv.reader(io.StringIO(body.decode(), newline=""))
    names = next(reader)
    for cells in reader:
        if not cells:
            continue
        given = dict(zip(names, cells, strict=True))
        row: Row = {}
        for name, cell in given.items():
            if name.startswith("__mv_"):
                continue
            marked = given.get(f"__mv_{name}", "")
            if marked:
                row[name] = [part.replace("$$", "$") for part in _PART.findall(marked)]
            elif cell != "":
                row[name] = float(cell) if name == "_time" else cell
        yield row
