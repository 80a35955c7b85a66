"""Output of the command line: sentences, tables, JSON, and progress on standard error."""

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

_IN_A_FILE = 160  # columns of a table without a terminal; a table that needs more gets more
DONE, FAILED, WRONG_USAGE, PARTLY = 0, 1, 2, 3


def say(text: str = "") -> None:
    """Print one sentence to standard output, wrapped to the screen.

    Text that begins with a space, such as a command to copy, stays on one line.
    """
    width = _width()
    if width is not None and len(text) > width and "\n" not in text and not text.startswith(" "):
        text = tables.wrapped(text, width)
    write(f"{text}\n")


def beneath(text: str) -> None:
    """Print a sentence that belongs to the one above, indented and wrapped."""
    width = _width()
    if width is not None:
        text = tables.wrapped(text, width - 2)
    write("".join(f"  {part}\n" for part in text.splitlines()))


def line(text: str) -> None:
    """Print one line to standard output without wrapping, for other programs."""
    write(f"{text}\n")


def as_json(value: object) -> None:
    """Print *value* as indented JSON to standard output: see `plain`."""
    write(json.dumps(plain(value), indent=2, default=str, allow_nan=False) + "\n")


def plain(value: object) -> object:
    """*value* as JSON values: times in ISO 8601 and UTC, null for a missing figure."""
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
    """Print a table to standard output: see `tables.Rows`; None is an empty cell."""
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
    """Print what went wrong and what to do, to standard error."""
    warn(error.message, error.hint)


def code_of(errors: Iterable[ScorebackError]) -> int:
    """The exit code if nothing could be done: 2 if no file exists under the given names, else 1."""
    return WRONG_USAGE if all(isinstance(error, NotThere) for error in errors) else FAILED


def warn(text: str, hint: str = "") -> None:
    """Print a warning and what to do, to standard error; the command goes on.

    On a narrow screen, both are wrapped.
    """
    for begins, said in (("scoreback: ", text), ("  try: ", hint)):
        if said:
            width = _width(sys.stderr)
            complain(begins + (said if width is None else tables.hanging(said, len(begins), width)))


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A counter on standard error; in a pipe, a line every ten seconds."""
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
    """A progress bar on standard error: steps done, their total, and the name of the stage.

    In a pipe, a line every ten seconds; if the steps are bytes, it shows megabytes.
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
    """A figure for a table; a dash if there is none."""
    return (
        "-" if value is None or value != value else f"{value:.{digits}f}"
    )  # NaN is not equal to itself


def pairs(title: str, values: Mapping[str, object]) -> None:
    """Print names and values, one pair per line."""
    table(title, ("", ""), list(values.items()))


def _console(into: IO[str], needed: int) -> Console:
    if sys.stdout.isatty():
        return Console(file=into, force_terminal=True)
    return Console(file=into, width=_width() or max(_IN_A_FILE, needed))


def _width(of: IO[str] | None = None) -> int | None:
    """Columns of the screen; None in a file or a pipe, unless COLUMNS is set.

    *of* is standard output (the default) or standard error.
    """
    if (of or sys.stdout).isatty():
        return Console(file=of or sys.stdout).width
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) else None


def _watched() -> bool:
    return sys.stderr.isatty()
