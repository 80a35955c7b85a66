"""Peak memory of scoring: a million events against a hundred thousand.

The simulated company's machines, trained on its first days by the product, then the same number of
events a day for ten times as long. Each scoring is the product's own command in a fresh process;
the peak is what the operating system saw of that process. The claim: at most 1.1 times as much.

``python benchmarks/memory.py [--json] [--events N] [--times N]``
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import IntakeDoor
from scoreback.models.detector.file import load_detector
from scoreback.records import EVENT_COLUMNS, LABEL_COLUMNS, EventBatch, LabelBatch
from scoreback.service.app import App, opened
from scoreback.service.demo.company import Company
from scoreback.service.deploying.promotion import promote
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import train_detector

FILE = Path(__file__).parents[1] / "examples" / "detectors" / "endpoint_threats.yml"
START = datetime(2026, 6, 1, tzinfo=UTC)
LEARNT, CYCLE = timedelta(days=18), timedelta(days=24)


def days_of_company() -> tuple[list[pa.Table], pa.Table]:
    """One cycle of the company's days, and the verdicts on them."""
    company = Company(seed=7, start=START, days=CYCLE.days)
    days = []
    for day in company.days("endpoint"):
        fields = [f for f in day.events.schema if f.name not in EVENT_COLUMNS.names]
        table = day.events.add_column(1, "event_ref", day.events["event_id"])
        schema = pa.schema([*EVENT_COLUMNS, *fields])
        days.append(table.select(schema.names).cast(schema).combine_chunks())
    return days, company.verdicts("endpoint").cast(LABEL_COLUMNS).combine_chunks()


def cycles(days: list[pa.Table]) -> Iterator[pa.Table]:
    """The days again and again, each time later and under other ids."""
    number = 0
    while True:
        for day in days:
            yield _later(day, number) if number else day
        number += 1


def workspace(home: Path, count: int) -> datetime:
    """A workspace with a promoted detector and *count* events to score; the clock after them."""
    days, verdicts = days_of_company()
    with opened(Settings(home=home)) as app:
        intake = app.connector.intake
        if intake is None:
            sys.exit("the embedded SIEM takes no events")
        stream = cycles(days)
        for _ in range(LEARNT.days):
            _add(intake, next(stream))
        intake.add_verdicts(LabelBatch(verdicts.to_batches()[0]))
        _promoted(app)
        clock = START
        while count > 0:
            week = pa.concat_tables([next(stream) for _ in range(7)]).slice(0, count)
            _add(intake, week)
            count -= week.num_rows
            clock = pc.max(week["arrival_time"]).as_py() + timedelta(hours=1)
    return clock


def scored(home: Path, clock: datetime) -> dict[str, Any]:
    """What one run of ``scoreback score`` did, took and held at most."""
    command = [
        str(Path(sys.executable).with_name("scoreback")), "score", str(FILE),
        "--until", clock.isoformat(), "--home", str(home), "--json",
    ]  # fmt: skip
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output)  # noqa: S603 - our own command
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"scoreback score ended with {process.returncode}")
        output.seek(0)
        found = json.load(output)
    return {
        "scored": found["scored"],
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "wall_s": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    """Score few and many events, and print both, or JSON."""
    parser = argparse.ArgumentParser(description="Peak memory of scoring.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    # What this process held at most, the system would count as its child's: workspaces are made
    # by a process of their own.
    apart = multiprocessing.get_context("spawn")
    for count in (arguments.events, arguments.events * arguments.times):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            with apart.Pool(1) as maker:
                clock = maker.apply(workspace, (home, count))
            rows.append({"events": count, **scored(home, clock)})
    for row in rows:
        row["ratio"] = round(row["peak_mb"] / rows[0]["peak_mb"], 3)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'events':>10} {'scored':>10} {'peak MB':>8} {'ratio':>6} {'CPU s':>7} {'wall s':>7}")
    for row in rows:
        print(
            f"{row['events']:>10,} {row['scored']:>10,} {row['peak_mb']:>8} {row['ratio']:>6} "
            f"{row['cpu_s']:>7} {row['wall_s']:>7}"
        )


def _later(day: pa.Table, number: int) -> pa.Table:
    later = pa.scalar(CYCLE * number, pa.duration("us"))
    moved = {name: pc.add(day[name], later) for name in ("event_time", "arrival_time")}
    named = pc.binary_join_element_wise(day["event_id"], str(number), "-")
    moved |= {"event_id": named, "event_ref": named}
    return pa.table({name: moved.get(name, day[name]) for name in day.column_names}).cast(
        day.schema
    )


def _add(intake: IntakeDoor, events: pa.Table) -> None:
    intake.add_events("endpoint", EventBatch(events.combine_chunks().to_batches()[0]))


def _promoted(app: App) -> None:
    detector, at = load_detector(FILE), START + LEARNT
    version = train_detector(app, detector, as_of=at, now=at).version
    promote(app, detector, version.version, by="benchmark", at=at)


if __name__ == "__main__":
    main()
