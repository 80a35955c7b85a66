"""Draws the pictures of the README and the tutorial from what the commands really print.

It runs the README's commands in a separate folder, then draws the terminal as SVG (with rich) and
the report as PNG (with Chromium). Run it by hand after a change of the output or the report:

    python packaging/site/pictures.py
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
WIDTH = 90
FIRST = "scoreback train queue.yml --as-of 2026-02-16 --promote"
SHOWN = {  # picture: the command that it shows
    "terminal-new": "scoreback new queue --select stream=alerts",
    "terminal-train": FIRST,
    "terminal-score": "scoreback score queue.yml --until 2026-02-23",
    "terminal-verdict": "scoreback verdict --limit 3",
}
# No downloaded font: a terminal's own.
_FORMAT = re.sub(r"@font-face {{.*?}}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "font-family: Fira Code, monospace", "font-family: monospace"
)


def main() -> None:
    """Write all pictures into docs/pictures."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^```bash\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    names = {command: name for name, command in SHOWN.items()}
    with tempfile.TemporaryDirectory(prefix="scoreback-pictures-") as folder:
        for line in first.splitlines():
            printed = _printed(folder, line)
            if line in names:
                _draw(names.pop(line), line, printed)
        if names:
            raise SystemExit(f"the README does not show: {', '.join(names)}")
        for block in others:
            _printed(folder, block)
        _photograph(Path(folder) / "queue.html", PICTURES / "report.png")


def _printed(folder: str, command: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCOREBACK_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment |= {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(  # noqa: S603 - the README's own commands
        ["/bin/bash", "-c", command], cwd=folder, env=environment, text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return done.stdout


def _draw(name: str, command: str, printed: str) -> None:
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(f"[bold]$ {command}[/bold]", highlight=False)
        console.print(Text.from_ansi("\n".join(map(str.rstrip, printed.splitlines()))))
        PICTURES.joinpath(f"{name}.svg").write_text(
            console.export_svg(title="", theme=DIMMED_MONOKAI, code_format=_FORMAT, unique_id=name),
            encoding="utf-8",
        )


def _photograph(page: Path, picture: Path) -> None:
    subprocess.run(  # noqa: S603
        ["/usr/bin/env", "chromium", "--headless", "--no-sandbox", "--hide-scrollbars",
         "--disable-gpu", "--window-size=1100,1400", f"--screenshot={picture}", page.as_uri()],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    main()
