"""What a shadow costs: a run that scores by champion and shadow against one by the champion alone.

The simulated company's machines, trained twice by the product on its first days; what is scored is
as if `SITES` such companies sent their events: many events, and so few that what is paid once a
run decides. A round scores the same events from copies of one workspace, without a shadow and with
one, each way first in turn. CPU time of the process, all threads; what came before leaves nothing
for Python to clear away, which takes as long as scoring few events does. What the shadow costs is
the difference of both; a run of its own is the run without it. The claim: the median over rounds is
under 35 % of a run of its own.

``OMP_WAIT_POLICY=passive python benchmarks/shadow.py [--json] [--events N ...] [--rounds N]``;
learning threads that spin, as they do without it, are not what the commands have.
"""

import argparse
import gc
import json
import shutil
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from memory import FILE, LEARNT, START, days_of_company, workspace

from scoreback.models.detector.file import load_detector
from scoreback.records import EventBatch
from scoreback.service.app import opened
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import train_detector

LIMIT = 0.35
SITES = 20
DETECTOR = load_detector(FILE)


def sites(home: Path, days: list[pa.Table], count: int) -> datetime:
    """Add the events of many sites after what was learnt, so many; the clock after them."""
    table = pa.concat_tables(
        [_site(day, site) for day in days[LEARNT.days :] for site in range(SITES)]
    )
    table = table.sort_by([("arrival_time", "ascending"), ("event_id", "ascending")]).slice(
        0, count
    )
    with opened(Settings(home=home)) as app:
        if app.connector.intake is None:
            sys.exit("the embedded SIEM takes no events")
        app.connector.intake.add_events(
            "endpoint", EventBatch(table.combine_chunks().to_batches()[0])
        )
    newest: datetime = pc.max(table["arrival_time"]).as_py()
    return newest + timedelta(hours=1)


def _site(day: pa.Table, site: int) -> pa.Table:
    """The events of *day* as another site has them: other ids, hosts and users."""
    names = ("event_id", "event_ref", DETECTOR.entity)
    moved = {n: pc.binary_join_element_wise(day[n], str(site), "-") for n in names}
    columns = {name: moved.get(name, day[name]) for name in day.column_names}
    return pa.table(columns).cast(day.schema)


def with_shadow(home: Path) -> None:
    """Let a version that was trained two days earlier score beside the champion."""
    with opened(Settings(home=home)) as app:
        at = START + LEARNT - timedelta(days=2)
        version = train_detector(app, DETECTOR, as_of=at, now=at).version.version
        Versions(app.state).shadow(DETECTOR.name, version, by="benchmark", at=at)


def seconds(home: Path, clock: datetime, versions: int) -> tuple[float, int]:
    """CPU seconds of one run over a copy of *home* that scores by so many *versions*; its rows."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy)
        with opened(Settings(home=copy)) as app:
            if len(Versions(app.state).due(DETECTOR.name)) != versions:
                sys.exit("the workspace is not as it was made")
            gc.collect()
            began = time.process_time()
            run = score_live(app, DETECTOR, now=clock)
            took = time.process_time() - began
    if run is None or run.unusable:
        sys.exit("the run did not score as it should")
    return took, run.outcome.scored


def compared(days: list[pa.Table], events: int, rounds: int) -> dict[str, Any]:
    """What a shadow costs where so many *events* are scored."""
    with tempfile.TemporaryDirectory() as folder:
        alone, both = Path(folder) / "alone", Path(folder) / "both"
        workspace(alone, 0)
        clock = sites(alone, days, events)
        shutil.copytree(alone, both)
        with_shadow(both)
        seconds(alone, clock, 1)  # imports, caches
        found, rows = [], 0
        for number in range(rounds):
            order = ((alone, 1), (both, 2)) if number % 2 else ((both, 2), (alone, 1))
            took = {}
            for home, versions in order:
                took[versions], rows = seconds(home, clock, versions)
            found.append({"alone_s": round(took[1], 3), "both_s": round(took[2], 3),
                          "ratio": round(took[2] / took[1] - 1, 3)})  # fmt: skip
    ratio = statistics.median(one["ratio"] for one in found)
    return {"rows": rows, "ratio": ratio, "limit": LIMIT, "rounds": found}


def main() -> None:
    """Compare both at each size, and print the ratios, or JSON; ends with 1 above the limit."""
    parser = argparse.ArgumentParser(description="What a shadow costs.")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000, 60_000])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    days, _ = days_of_company()
    found = [compared(days, events, arguments.rounds) for events in arguments.events]
    if arguments.json:
        print(json.dumps(found))
    for size in () if arguments.json else found:
        for one in size["rounds"]:
            print(f"alone {one['alone_s']:>7} s   with a shadow {one['both_s']:>7} s   "
                  f"{one['ratio']:>6.1%}")  # fmt: skip
        print(f"{size['rows']:,} rows: a shadow costs {size['ratio']:.1%} of a run of its own"
              f" (limit {LIMIT:.0%})")  # fmt: skip
    sys.exit(0 if all(size["ratio"] < LIMIT for size in found) else 1)


if __name__ == "__main__":
    main()
