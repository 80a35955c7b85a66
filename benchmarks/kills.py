"""Kills the jobs of the closed loop at random moments: nothing may be lost, doubled or left over.

A small detector of the embedded SIEM lives through training into shadow, scoring with audits, a
harvest with a flood of verdicts, the gate and its promotion, a pause, a bad version promoted by
hand, its rollback with ``--close``, ``--undo``, another rollback, and a backtest. Each job is a
process that SIGKILL ends at a random moment: half of them drawn from the clock, half from the
moments before and after each commit and each renaming of a file; three in ten are killed again as
they are done again. Then the job is done to its end, and all that the SIEM and the state hold is
compared with a run that nobody disturbed: scores, alerts with their tags and verdicts, rules,
histograms, labels, versions, verdicts of the gate, recalls, the audit log.

``python benchmarks/kills.py [--json] [--kills 100] [--seed N]``; ends with 1 on any difference.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the jobs are those of the tests
from tests.integration.closed_loop_jobs import disturbed, story


def main() -> None:
    """Kill, and print what came of it, by job."""
    parser = argparse.ArgumentParser(description="What a SIGKILL at a random moment costs.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311 - an experiment that repeats itself
    began, kills = time.monotonic(), 0
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        jobs = list(story(Path(folder)))
        while kills < arguments.kills:
            for job in jobs[: arguments.kills - kills]:
                found = disturbed(job, Path(folder), draw)
                kills += found.kills
                row = rows.setdefault(job.job.name, {"runs": 0, "kills": 0, "different": []})
                row["runs"] += 1
                row["kills"] += found.kills
                if found.differences:
                    row["different"].append({"when": found.when, "what": found.differences})
    wrong = sum(len(row["different"]) for row in rows.values())
    seconds = round(time.monotonic() - began, 1)
    if arguments.json:
        told = {"kills": kills, "different": wrong, "seconds": seconds, "jobs": rows}
        print(json.dumps(told, indent=2))
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
