"""How soon ``scoreback pause`` and ``scoreback rollback`` take effect while a long catch-up runs.

The simulated company's machines: a detector that was trained twice and has a million events to
catch up on scores them in one process. When some steps are through, the command is given in
another, as a person would give it. Told are the seconds from its call until the last alert was
opened (after a pause), or the last score of the version that was rolled back was written, and until
the command had ended, which for a rollback lists and tags alerts meanwhile. The claim: it takes
effect within 60 seconds, with the catch-up still running.

``python benchmarks/steering.py [--json] [--events N]``; ends with 1 beyond the limit.
"""

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
from memory import FILE, LEARNT, START, workspace

from scoreback.connectors.local import scores
from scoreback.connectors.local.rule_engine import alerting
from scoreback.models.detector.file import load_detector
from scoreback.records import ScoreBatch
from scoreback.service.app import opened
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import train_detector

LIMIT = 60  # seconds
STEPS_BEFORE = 2  # writes of the run before the command is given
DETECTOR = load_detector(FILE)
ACTS = {"pause": "alert", "rollback": "score of the version rolled back"}


class Write(NamedTuple):
    """What the process that scores has just done."""

    at: float  # on a clock that all processes share
    versions: tuple[str, ...]  # whose scores it wrote
    opened: int  # alerts


def catching_up(home: Path, clock: datetime, tells: Connection) -> None:
    """Score all there is, and tell of each write and each look of the rules."""
    write, evaluate = scores.Scores.write, alerting.RuleEngine.evaluate

    def written(own: scores.Scores, batch: ScoreBatch, *, at: datetime) -> Any:  # noqa: ANN401
        done = write(own, batch, at=at)
        versions = pc.unique(batch.batch.column("version")).to_pylist()
        tells.send(Write(time.monotonic(), tuple(versions), 0))
        return done

    def evaluated(own: alerting.RuleEngine, *, since: datetime, at: datetime) -> int:
        opened_now = evaluate(own, since=since, at=at)
        tells.send(Write(time.monotonic(), (), opened_now))
        return opened_now

    _put(scores.Scores, "write", written)
    _put(alerting.RuleEngine, "evaluate", evaluated)
    with opened(Settings(home=home)) as app:
        score_live(app, DETECTOR, now=clock)
    tells.close()


def bad_version(home: Path) -> str:
    """Promote a second version, trained on less; its name."""
    with opened(Settings(home=home)) as app:
        at = START + LEARNT - timedelta(days=2)
        version = train_detector(app, DETECTOR, as_of=at, now=at).version.version
        promote(app, DETECTOR, version, by="benchmark", at=START + LEARNT)
    return version


def measured(home: Path, clock: datetime, act: str, bad: str) -> dict[str, Any]:
    """Give the command *act* in the midst of a catch-up over *home*."""
    apart = multiprocessing.get_context("spawn")
    hears, tells = apart.Pipe(duplex=False)
    scoring = apart.Process(target=catching_up, args=(home, clock, tells))
    scoring.start()
    tells.close()
    told: list[Write] = []
    while sum(bool(one.versions) for one in told) < STEPS_BEFORE:
        told.append(hears.recv())
    command = [str(Path(sys.executable).with_name("python")), "-m", "scoreback", act, str(FILE)]
    began = time.monotonic()
    command += ["--home", str(home), "--json"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    command_s = time.monotonic() - began
    while True:
        try:
            told.append(hears.recv())
        except EOFError:
            break
    scoring.join()
    if scoring.exitcode:
        sys.exit(f"scoring ended with {scoring.exitcode}")
    old: Callable[[Write], bool] = (
        (lambda one: one.opened > 0) if act == "pause" else (lambda one: bad in one.versions)
    )
    last = max((one.at for one in told if old(one)), default=began)
    later = [one for one in told if one.versions and one.at > max(last, began)]
    return {
        "act": act, "command_s": round(command_s, 1), "last_s": round(max(0.0, last - began), 1),
        "before": sum(old(one) for one in told if one.at < began),
        "writes_later": len(later),
        "catch_up_s": round(told[-1].at - told[0].at, 1),
    }  # fmt: skip


def _put(owner: type, name: str, what: Callable[..., Any]) -> None:
    setattr(owner, name, what)


def main() -> None:
    """Give both commands in the midst of a catch-up each, and print what they took."""
    parser = argparse.ArgumentParser(description="How soon pause and rollback take effect.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        clock = workspace(home, arguments.events)
        bad = bad_version(home)
        for act in ACTS:
            copy = Path(folder) / act
            shutil.copytree(home, copy)
            rows.append(measured(copy, clock, act, bad))
            shutil.rmtree(copy)
    kept = all(row["last_s"] < LIMIT and row["before"] and row["writes_later"] for row in rows)
    if arguments.json:
        print(json.dumps({"events": arguments.events, "limit_s": LIMIT, "acts": rows}, indent=2))
    else:
        print(f"while {arguments.events:,} events are caught up on; limit {LIMIT} s")
        for row in rows:
            print(f"{row['act']:<9} command {row['command_s']:>5} s   "
                  f"last {ACTS[row['act']]} {row['last_s']:>5} s   "
                  f"{row['writes_later']} writes came later")  # fmt: skip
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
