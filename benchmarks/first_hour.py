"""The first hour: which exports load, how many commands lead to an alert, what waiting costs.

- formats: each export of `first_hour_exports` is loaded without any option. Where that is refused,
  the remedy of the error is followed to the letter. It counts when every event is loaded, with
  exit code 0 and the right first and last time. A workbook counts when it is refused and the CSV
  that the remedy asks for loads.
- commands: the README's, from a clone to the first alert on an export of one's own. That they do it
  is tested by tests/docs/test_readme.py; here they are counted.
- load: seconds of CPU for a CSV of 300,000 rows, as a ratio to what Python's own csv module takes
  to read the same file.
- validate and --help: seconds of CPU, the least of five.

``python benchmarks/first_hour.py [--json] [--rows N]``
"""

import argparse
import csv
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from first_hour_exports import EXPORTS, FIRST, ROWS, STEP, Made, workbook_saved_as_csv

ROOT = Path(__file__).parents[1]
TRIES = 3  # a remedy may show the next thing that is missing
_REMEDY = re.compile(r"(?:try: add|Try: add|add) (--[^;\n]+)")


@dataclass(frozen=True)
class Loaded:
    """How the load of one export went."""

    name: str
    ends: (
        str  # loaded whole, loaded whole after the remedy, refused with a remedy that works; or not
    )
    options: str
    right: bool
    said: str = ""


def main() -> None:
    """Print the figures as a table or as JSON; ends with 1 where an export does not load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=300_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-hour-") as folder:
        formats = [try_export(name, Path(folder) / str(n)) for n, name in enumerate(EXPORTS)]
        figures = {
            "formats": {"right": sum(f.right for f in formats), "of": len(formats),
                        "each": [asdict(f) for f in formats]},
            "commands": commands(),
            "load": load_many(Path(folder) / "many", given.rows),
            "validate_cpu_s": cpu_of("validate", str(ROOT / "examples/detectors/alert_triage.yml")),
            "help_cpu_s": cpu_of("--help"),
        }  # fmt: skip
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        _show(figures, formats)
    raise SystemExit(0 if all(f.right for f in formats) else 1)


def try_export(name: str, folder: Path) -> Loaded:
    """Load the export as it comes, then as each error says."""
    folder.mkdir()
    made = EXPORTS[name]()
    options: list[str] = []
    said = ""
    for _ in range(TRIES):
        done = _load(folder, made, options)
        said = done.stderr.strip() or done.stdout.strip()
        if done.returncode == 0:
            right = _whole(folder)
            ends = "loaded whole" if right else "loaded, but not whole"
            return Loaded(name, ends, shlex.join(options), right, "" if right else said)
        if ".xlsx" in said or "workbook" in said:
            works = _load(folder, workbook_saved_as_csv(), ["--time", "time"]).returncode == 0
            right = "CSV" in said and works and _whole(folder)
            return Loaded(name, "refused with a remedy that works", "", right, said)
        remedy = _REMEDY.search(done.stderr + done.stdout)
        if remedy is None:
            break
        options += shlex.split(remedy[1])
    return Loaded(name, "refused", shlex.join(options), False, said)


def _load(folder: Path, made: Made, options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    name, data = made
    (folder / name).write_bytes(data)
    return _scoreback(folder, "load", name, "--stream", "s", *options)


def _whole(folder: Path) -> bool:
    """Every event is there, once, with the first and the last at their times."""
    (stream,) = json.loads(_scoreback(folder, "streams", "--json").stdout)
    times = stream["event_times"]
    last = FIRST + (ROWS - 1) * STEP
    return stream["rows"] == ROWS and all(
        times[which][:19] == at.isoformat()[:19] for which, at in (("first", FIRST), ("last", last))
    )


def commands() -> dict[str, object]:
    """The README's commands from a clone to the first alert on one's own export."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (console,) = re.findall(r"^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[:1]
    block = re.findall(r"^```bash\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[0]
    lines = [line.removeprefix("$ ") for line in console.splitlines()]
    for line in block.splitlines():
        if not line.startswith("scoreback demo --exports"):  # only for whoever has no export
            lines.append(line)
        if line.startswith("scoreback score"):
            break
    return {"count": len(lines), "each": lines}


def load_many(folder: Path, rows: int) -> dict[str, float]:
    """CPU seconds for a CSV of *rows*, beside those of the csv module for the same file."""
    folder.mkdir()
    file = folder / "many.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(("time", "id", "host", "user", "port", "bytes", "message"))
        for n in range(rows):
            at = (FIRST + n * STEP / 100).isoformat()
            table.writerow((at, n, f"h{n % 997}", f"u{n % 101}", n % 65536, n * 7 % 99991, "text"))
    began = time.process_time()
    with file.open(newline="", encoding="utf-8") as read:
        count = sum(1 for _ in csv.reader(read))
    plain = time.process_time() - began
    ours = _cpu(folder, "load", "many.csv", "--stream", "s", "--time", "time", "--id", "id")
    return {"rows": count - 1, "cpu_s": ours, "csv_module_cpu_s": plain, "ratio": ours / plain}


def cpu_of(*arguments: str) -> float:
    """The least CPU seconds of five runs."""
    with tempfile.TemporaryDirectory() as folder:
        return min(_cpu(Path(folder), *arguments) for _ in range(5))


def _cpu(folder: Path, *arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = _scoreback(folder, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"scoreback {shlex.join(arguments)}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _scoreback(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCOREBACK_")}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "scoreback", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _show(figures: dict[str, object], formats: Sequence[Loaded]) -> None:
    for found in formats:
        print(f"{'ok ' if found.right else 'NO '} {found.name:20} {found.ends:34} {found.options}")
        if not found.right:
            print(f"    {found.said}")
    print(f"formats: {sum(f.right for f in formats)} of {len(formats)}")
    for name in ("commands", "load", "validate_cpu_s", "help_cpu_s"):
        print(f"{name}: {figures[name]}")


if __name__ == "__main__":
    main()
