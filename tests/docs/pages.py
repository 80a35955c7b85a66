"""README and docs as the tests read them: blocks, tables, and a folder to follow them in."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)


class Block(NamedTuple):
    """A fenced block of a page; *kind* is what stands after the fence."""

    page: str
    kind: str
    text: str


@dataclass(frozen=True)
class Played:
    """What is left when pages have been followed step by step."""

    folder: Path
    output: str
    errors: str
    code: int

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One more command in the same folder."""
        return _run(self.folder, *command)


def text(page: str) -> str:
    """The page as it is written."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, kind: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a page, or those of one kind."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text(page), re.MULTILINE | re.DOTALL)
    for named, body in found:
        if kind in (None, named):
            yield Block(page, named, body)


def play(folder: Path, page: str) -> Played:
    """Follow the page's bash examples in *folder*, in order, until one fails."""
    steps = [step for block in blocks(page, "bash") for step in (_title(block), block.text)]
    done = _run(folder, "bash", "-c", "\n".join(["set -euo pipefail", *steps]))
    return Played(folder, done.stdout, done.stderr, done.returncode)


def rows(page: str, head: str) -> list[list[str]]:
    """The rows of the page's table whose first column is called *head*."""
    lines = text(page).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCOREBACK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment["COLUMNS"] = "200"  # on a narrow screen a table of candidates is one block each
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _title(block: Block) -> str:
    return f"echo {shlex.quote(f'step: {block.text.splitlines()[0]}')}"
