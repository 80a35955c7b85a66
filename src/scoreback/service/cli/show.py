"""How the command line speaks: tables for people, JSON for machines, progress on standard error."""

import io
import json
import math
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from scoreback.errors import NotThere, ScorebackError
from scoreback.service.cli import progress_lines, tables
from scoreback.service.cli.streams import complain, write

_IN_A_FILE = 160  # columns of a table that no terminal limits; more where it needs them
DONE, FAILED, WRONG_USAGE, PARTLY = 0, 1, 2, 3


def say(text: str = "") -> None:
    """One sentence to standard output; on a narrow screen it goes on in the next line.

    What begins with a space is to be copied, a command say, and stays one line.
    """
    width = _width()
    if width is not None and len(text) > width and "\n" not in text and not text.startswith(" "):
        text = tables.wrapped(text, width)
    write(f"{text}\n")


def beneath(text: str) -> None:
    """A sentence that belongs to the one above: it is indented, and goes on so."""
    width = _width()
    if width is not None:
        text = tables.wrapped(text, width - 2)
    write("".join(f"  {part}\n" for part in text.splitlines()))


def line(text: str) -> None:
    """One line to standard output as it is, however narrow the screen: for other programs."""
    write(f"{text}\n")


def as_json(value: object) -> None:
    """*value* as indented JSON to standard output: see `plain`."""
    write(json.dumps(plain(value), indent=2, default=str, allow_nan=False) + "\n")


def plain(value: object) -> object:
    """*value* as JSON has it: times as ISO 8601 in UTC, null for a figure that does not exist."""
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: str = "",
    prose: Collection[str] = (),
    blocks: bool = False,
) -> None:
    """A table to standard output: see `tables.Rows`; None is an empty cell."""
    shown = tables.Rows(
        title=title,
        columns=columns,
        cells=[["" if cell is None else str(cell) for cell in row] for row in rows],
        numbers=numbers,
        prose=frozenset(prose),
        blocks=blocks,
    )
    rendered = io.StringIO()
    tables.show(shown, _console(rendered, tables.needed(shown)))
    write(rendered.getvalue())


def fail(error: ScorebackError) -> None:
    """What went wrong and what to do, to standard error."""
    warn(error.message, error.hint)


def code_of(errors: Iterable[ScorebackError]) -> int:
    """The exit code where nothing could be done: 2 where all was called by a wrong name."""
    return WRONG_USAGE if all(isinstance(error, NotThere) for error in errors) else FAILED


def warn(text: str, hint: str = "") -> None:
    """What somebody should know although it went on, and what to do, to standard error.

    On a narrow screen both go on in the next line.
    """
    for begins, said in (("scoreback: ", text), ("  try: ", hint)):
        if said:
            width = _width(sys.stderr)
            complain(begins + (said if width is None else tables.hanging(said, len(begins), width)))


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error that counts upwards; a line now and then in a pipe."""
    if not _watched():
        with progress_lines.counting(what, total) as count:
            yield count
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def stages(what: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on standard error that names the stage it is in: steps done, of how many, which.

    In a pipe it is a line now and then; where the steps are bytes, it tells megabytes.
    """
    if not _watched():
        with progress_lines.stages(what, in_bytes=in_bytes) as tell_line:
            yield tell_line
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, steps: int, stage: str) -> None:
            bar.update(task, completed=done, total=steps or None, description=f"{what}: {stage}")

        yield tell


def figure(value: float | None, digits: int = 3) -> str:
    """A figure for a table; a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"  # NaN is not itself


def pairs(title: str, values: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    table(title, ("", ""), list(values.items()))


def _console(into: IO[str], needed: int) -> Console:
    if sys.stdout.isatty():
        return Console(file=into, force_terminal=True)
    return Console(file=into, width=_width() or max(_IN_A_FILE, needed))


def _width(of: IO[str] | None = None) -> int | None:
    """Columns of the screen; None in a file or a pipe, unless somebody says how many.

    *of* is standard output, or standard error.
    """
    if (of or sys.stdout).isatty():
        return Console(file=of or sys.stdout).width
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) else None


def _watched() -> bool:
    return sys.stderr.isatty()
