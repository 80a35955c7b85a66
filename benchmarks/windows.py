"""Window features over growing histories: CPU per event, and what one hot key does.

Three windows (count, distinct, rarity) over synthetic events, in one run. Prints a table, or with
``--json`` a list of rows. The claim: cost per event at a million is at most 2.5 times that at a
hundred thousand, and a key that holds half of all events changes neither time nor memory much.
"""

import argparse
import json
import multiprocessing
import resource
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from scoreback.models.detector.spec import WindowFeature
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import WindowQueries, all_series, history_of
from scoreback.models.features.windows import window_columns
from scoreback.records import EVENT_COLUMNS, EventBatch

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
PLAN = FeaturePlan(
    (
        WindowFeature(kind="count", field=None, by=("source.ip",), over=HOUR, name="count"),
        WindowFeature(
            kind="distinct", field="destination.port", by=("source.ip",), over=HOUR, name="distinct"
        ),
        WindowFeature(kind="rarity", field="rule.id", by=("source.ip",), over=WEEK, name="rarity"),
    ),
    timedelta(minutes=5),
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def events(count: int, *, hot: bool) -> EventBatch:
    """*count* events over ten days from a thousand sources; *hot*: one has half of them."""
    rng = np.random.default_rng(1)
    sources = rng.integers(0, 1000, count)
    if hot:
        sources[rng.random(count) < 0.5] = 0
    micros = np.sort(rng.integers(0, 10 * 86_400_000_000, count)) + int(START.timestamp() * 1e6)
    times = pa.array(micros).cast(pa.timestamp("us", tz="UTC"))
    ids = pa.array([f"{i:08}" for i in range(count)])
    fields = {
        "source.ip": [f"10.0.{s >> 8}.{s & 255}" for s in sources.tolist()],
        "destination.port": [str(p) for p in rng.zipf(1.4, count).clip(1, 65535).tolist()],
        "rule.id": [str(r) for r in rng.zipf(1.6, count).clip(1, 300).tolist()],
    }
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in fields)])
    columns = [ids, ids, times, times, *(pa.array(v, pa.string()) for v in fields.values())]
    return EventBatch(pa.RecordBatch.from_arrays(columns, schema=schema))


def measure(count: int, hot: bool) -> dict[str, float | int | bool]:
    """CPU seconds and added peak memory of the windows over one history, in its own process."""
    batch = events(count, hot=hot)
    queries = WindowQueries(PLAN)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    asked = queries.of(batch)
    past = {series: history_of(series, asked) for series in all_series(PLAN)}
    window_columns(PLAN.window_features, asked, past)
    seconds = time.process_time() - started
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "events": count,
        "hot_key": hot,
        "cpu_s": round(seconds, 3),
        "us_per_event": round(seconds / count * 1e6, 3),
        "added_peak_mb": round(added / 1024),
    }


def main() -> None:
    """Measure every size, each in a fresh process, the median of three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cases = [(100_000, False), (300_000, False), (1_000_000, False), (1_000_000, True)]
    rows = []
    context = multiprocessing.get_context("spawn")
    for case in cases:
        with context.Pool(1, maxtasksperchild=1) as pool:
            found = [pool.apply(measure, case) for _ in range(arguments.rounds)]
        rows.append(sorted(found, key=lambda row: row["cpu_s"])[len(found) // 2])
    for row in rows:
        row["ratio"] = round(row["us_per_event"] / rows[0]["us_per_event"], 2)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        f"{'events':>10} {'hot key':>8} {'CPU s':>8} {'us/event':>9} {'ratio':>6} {'+peak MB':>9}"
    )
    for row in rows:
        print(
            f"{row['events']:>10,} {row['hot_key']!s:>8} {row['cpu_s']:>8} "
            f"{row['us_per_event']:>9} {row['ratio']:>6} {row['added_peak_mb']:>9}"
        )


if __name__ == "__main__":
    main()
