"""Kills the jobs of the closed loop at random moments: nothing may be lost, doubled or left over.

A small detector lives through training into shadow beside another shadow, scoring with audits and
with alerts of what the shadows alone would show, a harvest with a flood of verdicts, the gate that
retires one shadow and promotes the other, a pause, a bad version promoted by hand, its rollback
with ``--close``, ``--undo``, another rollback, the flood accepted, a training that ``train.when``
asks for, a version retired by hand, and a backtest. Each job is a process that SIGKILL ends at a
random moment: half of them drawn from the clock, half from the moments before and after each commit
and each renaming of a file; three in ten are killed again as they are done again. Then the job is
done to its end, and all that the SIEM and the state hold is compared with a run that nobody
disturbed: scores, alerts with their tags and verdicts, rules, histograms, labels, versions,
verdicts of the gate, recalls, the audit log.

The SIEM is the embedded one, or a real Elasticsearch node that is started for it: there the story
is played anew in a namespace of its own for each round of kills, which come before and after its
writing requests too.

``python benchmarks/kills.py [--json] [--kills 100] [--seed N] [--siem elasticsearch]``; ends with 1
on any difference.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the jobs are those of the tests
from tests.elasticsearch.node import running
from tests.integration.closed_loop_jobs import JOBS
from tests.integration.killed_jobs import Copies, Disturbed
from tests.integration.killed_on_node import OnNode

Found = Generator[tuple[str, Disturbed], None, None]  # name of the job, and what came of it


def embedded(draw: random.Random) -> Found:
    """Kill over copies of a workspace on the embedded SIEM."""
    with tempfile.TemporaryDirectory() as folder:
        copies = Copies(Path(folder))
        while True:
            for number, job in enumerate(JOBS):
                yield job.name, copies.disturbed(number, draw)


def elasticsearch(draw: random.Random) -> Found:
    """Kill in new namespaces of a node."""
    with running() as node, tempfile.TemporaryDirectory() as folder:
        on_node = OnNode(node.url, Path(folder))
        while True:
            with on_node.killed(draw) as found:
                for job, one in zip(JOBS, found, strict=True):
                    yield job.name, one


def main() -> None:
    """Kill, and print what came of it, by job."""
    parser = argparse.ArgumentParser(description="What a SIGKILL at a random moment costs.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--siem", choices=("local", "elasticsearch"), default="local")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311 - an experiment that repeats itself
    began, kills = time.monotonic(), 0
    rows: dict[str, dict[str, Any]] = {}
    runs = elasticsearch(draw) if arguments.siem == "elasticsearch" else embedded(draw)
    for name, found in runs:
        kills += found.kills
        row = rows.setdefault(name, {"runs": 0, "kills": 0, "different": []})
        row["runs"] += 1
        row["kills"] += found.kills
        if found.differences:
            row["different"].append({"when": found.when, "what": found.differences})
        if kills >= arguments.kills:
            break
    runs.close()
    wrong = sum(len(row["different"]) for row in rows.values())
    seconds = round(time.monotonic() - began, 1)
    if arguments.json:
        told = {"kills": kills, "different": wrong, "seconds": seconds, "jobs": rows}
        print(json.dumps({"siem": arguments.siem, **told}, indent=2))
    else:
        print(f"{'job':<24} {'runs':>5} {'kills':>6} {'different':>10}")
        for name, row in rows.items():
            print(f"{name:<24} {row['runs']:>5} {row['kills']:>6} {len(row['different']):>10}")
            for one in row["different"]:
                print(f"  killed at {one['when']}: {', '.join(one['what'])}")
        print(f"{kills} kills in {seconds} s: {wrong} runs differ from one that nobody disturbed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
