"""Tables that fit the screen: ids, names and numbers stay whole, only sentences wrap.

A table that does not fit is shown as one block per row.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

BLOCKS_BELOW = 120  # columns of the screen: below, tables with `blocks` have one block per row
_GLUE = "\ue000"  # a private-use character, which no text contains
_VALUE = r"(?:'[^'\n]*'|[\w@%/.](?:[\w@%/.:=+-]*[\w@%/])?)"
_OPTION = rf"--[\w-]+(?: {_VALUE})?"
_WORD = rf"(?:{_OPTION}|'[^'\n]*'|v\d+\b|[A-Z][A-Z.]+\b|[\w/-]*[./=]{_VALUE})"
_COPIED = re.compile(
    rf"`[^`\n]+`|\b(?:scoreback|pip|jq|iconv|make|chmod) [a-z-]+(?: {_WORD})*|(?<!\S){_OPTION}"
    r"|\b[\w.]+: \{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)?\}"  # keys of a detector file
)
_LEAST = 24  # columns that a sentence gets at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The content of a table."""

    title: str
    columns: Sequence[str]
    cells: Sequence[Sequence[str]]
    numbers: str = ""  # ``r`` at the position of each column that aligns right
    prose: frozenset[str] = frozenset()  # names of the columns with sentences: only these wrap
    blocks: bool = False  # one block per row if the screen is narrower than `BLOCKS_BELOW`


def show(rows: Rows, console: Console) -> None:
    """Print *rows* as a table if the console is wide enough, else as blocks."""
    made = None
    if not (rows.blocks and console.width < BLOCKS_BELOW):
        made = _table(rows, console.width, compact=False) or _table(
            rows, console.width, compact=True
        )
    if made is not None:
        console.print(made)
    else:
        _blocks(rows, console)


def needed(rows: Rows) -> int:
    """The width at which every heading fits on one line, and only sentences wrap."""
    whole, least = _needs(rows)
    prose = [name in rows.prose for name in rows.columns]
    beside = [low if wraps else wide for low, wide, wraps in zip(least, whole, prose, strict=True)]
    return sum(beside) + 3 * len(rows.columns) + 1


def wrapped(text: str, width: int) -> str:
    """*text* in lines of *width*, broken only between words, and never inside a command to copy."""
    return "\n".join(
        part.replace(_GLUE, " ")
        for line in _glued(text).splitlines()
        for part in textwrap.wrap(
            line, max(width, 1), break_long_words=False, break_on_hyphens=False
        )
        or [""]
    )


def hanging(text: str, indent: int, width: int) -> str:
    """*text* in lines of *width*, to be printed after *indent* columns; later lines indented."""
    return wrapped(text, width - indent).replace("\n", "\n" + " " * indent)


def _glued(text: str) -> str:
    """*text* with the spaces inside commands and options replaced, so that they do not wrap."""
    return _COPIED.sub(lambda found: found[0].replace(" ", _GLUE), text)


def _table(rows: Rows, width: int, *, compact: bool) -> Table | None:
    """The table, or None if it does not fit *width*; *compact* puts less space between columns."""
    count = len(rows.columns)
    between = 2 * (count - 1) if compact else 3 * count + 1
    widths = _widths(rows, width - between)
    if widths is None:
        return None
    made = Table(
        title=rows.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold",
        padding=(0, 1, 0, 0) if compact else (0, 1), show_edge=not compact, pad_edge=not compact,
        show_header=any(rows.columns),
    )  # fmt: skip
    for index, (name, wide) in enumerate(zip(rows.columns, widths, strict=True)):
        right = rows.numbers[index : index + 1] == "r"
        made.add_column(
            Text(wrapped(name, wide)),
            justify="right" if right else "left",
            no_wrap=True,
            width=wide,
            overflow="fold",  # nothing needs folding: see `_widths`
        )
    for row in rows.cells:
        shown = (
            wrapped(cell, wide) if name in rows.prose else cell
            for name, cell, wide in zip(rows.columns, row, widths, strict=True)
        )
        # Text, as what a SIEM or a file says, such as [host.name], may look like markup.
        made.add_row(*map(Text, shown))
    made.title = Text(wrapped(rows.title, width))
    return made


def _widths(rows: Rows, room: int) -> list[int] | None:
    """The width of each column; None if they need more than *room*."""
    whole, least = _needs(rows)
    if sum(whole) <= room:
        return whole
    spare = room - sum(least)
    if spare < 0:
        return None
    found = list(least)
    # Headings get space first, then sentences, the shortest of them first.
    order = sorted(
        range(len(found)), key=lambda i: (rows.columns[i] in rows.prose, whole[i] - least[i])
    )
    for place, index in enumerate(order):
        share = spare // (len(order) - place) if rows.columns[index] in rows.prose else spare
        more = min(whole[index] - least[index], share)
        found[index] += more
        spare -= more
    return found


def _needs(rows: Rows) -> tuple[list[int], list[int]]:
    """The width of each column without wrapping, and its least width."""
    whole, least = [], []
    for index, name in enumerate(rows.columns):
        cells = [line for row in rows.cells for line in row[index].splitlines()]
        if name in rows.prose:
            longest = max(
                (cell_len(word) for cell in cells for word in _glued(cell).split()), default=0
            )
            wide = max(map(cell_len, [name, *cells]))
            whole.append(wide)
            least.append(min(wide, max(_LEAST, longest, cell_len(name))))
        else:
            wide = max(map(cell_len, [*name.split(), *cells, ""]))
            whole.append(max(wide, cell_len(name)))
            least.append(wide)
    return whole, least


def _blocks(rows: Rows, console: Console) -> None:
    console.print(Text(wrapped(rows.title, console.width), style="bold"), soft_wrap=True)
    # The first cell is the heading of the block; the other cells have labels.
    first, *others = rows.columns
    widest = max(map(cell_len, others), default=0)
    for row in rows.cells:
        heading = f"{first} {row[0]}".strip()
        console.print()
        console.print(Text(heading, style="bold"), soft_wrap=True)
        for name, cell in zip(others, row[1:], strict=True):
            if not cell:
                continue
            label = f"  {name}{' ' * (widest - cell_len(name))}  "
            text = cell
            if name in rows.prose:
                text = wrapped(cell, max(console.width - len(label), _LEAST))
            text = text.replace("\n", "\n" + " " * cell_len(label))
            console.print(Text(label + text), soft_wrap=True)
    console.print()
