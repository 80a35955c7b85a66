"""Reading events from Splunk and writing scores to it: client CPU an event, and memory.

A stub in another process streams exports and takes events, so that what is measured is the client.
Each run has a process of its own; its CPU counts from when the libraries are loaded. Rounds
alternate, and every ratio is the median over rounds.

Reading 12 fields of each event: the events door, against the SDK's `JSONResultsReader` with
`pandas.json_normalize`. Peak memory: a million events against a hundred thousand, at most 1.1 times
as much. Writing: the scores door, against one `requests.post` for each 100 events made of dicts.
The claims: reading at least 2.5 times and writing at least 3 times the events a CPU second.

``python benchmarks/splunk_read.py [--json] [--events N] [--rounds N] [--times N]``
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import requests
from splunk_server import PER_SECOND, START
from splunklib import client as splunk_client
from splunklib import results as splunk_results

from scoreback.connectors.splunk import SplunkConnector
from scoreback.records import SCORE_COLUMNS, EventQuery, ScoreBatch, TimeWindow
from scoreback.times import moment

FIELDS = {
    "source.ip": "src", "destination.ip": "dest", "source.port": "src_port",
    "destination.port": "dest_port", "rule.id": "signature_id", "rule.name": "signature",
    "rule.category": "category", "event.severity": "severity", "network.application": "app",
    "destination.bytes": "bytes_in", "source.bytes": "bytes_out",
    "user_agent.original": "http_user_agent",
}  # fmt: skip
SELECTION = {"search": "index=ids sourcetype=suricata", "id": ["flow_id"], "fields": FIELDS}
BATCH = 100  # events of a naive request
READ, READ_NAIVE = "read: ours", "read: SDK reader and json_normalize"
WRITE, WRITE_NAIVE = "write: ours", "write: a post for 100 events"
CLAIMS = {"read": 2.5, "write": 3.0, "memory": 1.1}

Figures = dict[str, float]


def opened(port: int) -> SplunkConnector:
    """A connection of ours to the stub."""
    at = f"http://127.0.0.1:{port}"
    given = {"url": at, "hec_url": at, "token": "t", "hec_token": "h"}
    return SplunkConnector.open("benchmark", given)


def read_ours(port: int, events: int) -> Callable[[], int]:
    """The events door."""
    splunk = opened(port)
    query = EventQuery(selection=SELECTION, fields=tuple(FIELDS))
    until = START + events // PER_SECOND
    window = TimeWindow(since=moment(START * 1_000_000), until=moment(until * 1_000_000))

    def run() -> int:
        (piece,) = splunk.events.slices(query, window)
        return sum(batch.num_rows for batch in splunk.events.read(piece))

    return run


def read_naive(port: int, events: int) -> Callable[[], int]:
    """The SDK's reader, and a table of its rows."""
    service = splunk_client.connect(
        scheme="http",
        host="127.0.0.1",
        port=port,
        username="u",
        password="p",  # noqa: S106
    )
    until = START + events // PER_SECOND
    spl = f"search (index=ids) _index_earliest={START} _index_latest={until} | fields *"

    def run() -> int:
        stream = service.jobs.export(spl, output_mode="json", preview=False)
        rows = [row for row in splunk_results.JSONResultsReader(stream) if isinstance(row, dict)]
        return len(pd.json_normalize(rows))

    return run


def scores(events: int) -> ScoreBatch:
    """Scores as a step gives them, with four copied fields."""
    numbers = range(events)
    columns: dict[str, Any] = {
        "score_id": [f"{n:032x}" for n in numbers],
        "event_id": [f"e{n:09d}" for n in numbers],
        "event_ref": [""] * events,
        "event_time": [moment(START * 1_000_000 + n * 1_237) for n in numbers],
        "scored_at": [moment(START * 1_000_000) + timedelta(hours=1)] * events,
        "entity": [f"10.0.{n % 200}.{n % 250}" for n in numbers],
        "detector": ["suricata_triage"] * events,
        "version": ["v7-1f2e3d4c"] * events,
        "stage": ["live"] * events,
        "score": [(n % 9_973) / 9_973 for n in numbers],
        "risk": [float(n % 100) for n in numbers],
        "threshold": [0.9] * events,
        "alert": [n % 50 == 0 for n in numbers],
        "reasons": [
            '["rule.id is rare here", "many ports in an hour"]' if n % 50 == 0 else None
            for n in numbers
        ],
        "chance": [1.0 if n % 50 == 0 else None for n in numbers],
    }
    batch = pa.table(columns, schema=SCORE_COLUMNS).to_batches()[0]
    for name in ("source.ip", "destination.ip", "rule.id", "rule.name"):
        batch = batch.append_column(name, pa.array([f"{name} {n % 311}" for n in numbers]))
    return ScoreBatch(batch)


def write_ours(port: int, events: int) -> Callable[[], int]:
    """The scores door."""
    splunk, batch = opened(port), scores(events)
    at = moment(START * 1_000_000)
    return lambda: splunk.scores.write(batch, at=at).written


def write_naive(port: int, events: int) -> Callable[[], int]:
    """A request for each hundred, of dicts."""
    table = scores(events).batch
    where, headers = f"http://127.0.0.1:{port}/services/collector/event", {"Authorization": "S h"}

    def run() -> int:
        written = 0
        for start in range(0, table.num_rows, BATCH):
            rows = table.slice(start, BATCH).to_pylist()
            texts = []
            for row in rows:
                when = row.pop("event_time").timestamp()
                event = {k.replace(".", "_"): v for k, v in row.items() if v is not None}
                event |= {"orig_time": when, "scored_at": row["scored_at"].timestamp()}
                envelope = {
                    "time": when, "host": "scoreback", "source": "benchmark",
                    "sourcetype": "scoreback:score", "index": "scoreback", "event": event,
                }  # fmt: skip
                texts.append(json.dumps(envelope))
            answer = requests.post(where, data="".join(texts), headers=headers, timeout=60)
            answer.raise_for_status()
            written += len(rows)
        return written

    return run


WAYS: dict[str, Callable[[int, int], Callable[[], int]]] = {
    READ: read_ours, READ_NAIVE: read_naive, WRITE: write_ours, WRITE_NAIVE: write_naive,
}  # fmt: skip


def one_run(way: str, port: int, events: int) -> Figures:
    """Run *way* in this process."""
    run = WAYS[way](port, events)
    before, began = time.process_time(), time.perf_counter()
    done = run()
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    if done != events:
        sys.exit(f"{way}: {done:,} of {events:,} events")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"microseconds": cpu / events * 1e6, "seconds": wall, "megabytes": peak}


@contextmanager
def serving() -> Iterator[int]:
    """The stub in a process of its own; its port."""
    command = [sys.executable, str(Path(__file__).with_name("splunk_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def apart(way: str, port: int, events: int) -> Figures:
    """Run *way* in a process of its own."""
    command = [sys.executable, __file__, "--run", way, str(port), "--events", str(events)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    found: Figures = json.loads(done.stdout)
    return found


def measured(events: int, rounds: int, times: int) -> dict[str, Any]:
    """Figures of each way, and the ratios."""
    runs: dict[str, list[Figures]] = {way: [] for way in WAYS}
    with serving() as port:
        for _ in range(rounds):
            for way, found in runs.items():
                found.append(apart(way, port, events))
        many = apart(READ, port, events * times)
    few = max(run["megabytes"] for run in runs[READ])

    def ratio(naive: str, ours: str) -> float:
        pairs = zip(runs[naive], runs[ours], strict=True)
        return statistics.median(a["microseconds"] / b["microseconds"] for a, b in pairs)

    ways = {
        way: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for way, found in runs.items()
    }
    return {
        "events": events,
        "rounds": rounds,
        "ways": ways,
        "many": {"events": events * times, **many},
        "ratios": {
            "read": ratio(READ_NAIVE, READ),
            "write": ratio(WRITE_NAIVE, WRITE),
            "memory": many["megabytes"] / few,
        },
        "claims": CLAIMS,
    }


def table(found: dict[str, Any]) -> str:
    """*found* for people."""
    lines = [f"{found['events']:,} events, {found['rounds']} rounds", ""]
    lines.append(f"{'':42}{'CPU µs an event':>16}{'seconds':>10}{'peak MB':>10}")
    rows = {**found["ways"], f"{READ}, {found['many']['events']:,} events": found["many"]}
    for way, figures in rows.items():
        lines.append(
            f"{way:42}{figures['microseconds']:16.2f}{figures['seconds']:10.2f}"
            f"{figures['megabytes']:10.0f}"
        )
    ratios = found["ratios"]
    lines += [
        "",
        f"events a CPU second, reading: {ratios['read']:.1f} times (claim: {CLAIMS['read']})",
        f"events a CPU second, writing: {ratios['write']:.1f} times (claim: {CLAIMS['write']})",
        f"peak memory of more events: {ratios['memory']:.2f} times (claim: {CLAIMS['memory']})",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(one_run(given.run[0], int(given.run[1]), given.events)))
        return
    found = measured(given.events, given.rounds, given.times)
    print(json.dumps(found) if given.json else table(found))
    ratios = found["ratios"]
    kept = ratios["memory"] <= CLAIMS["memory"]
    if not kept or any(ratios[name] < CLAIMS[name] for name in ("read", "write")):
        sys.exit(1)


if __name__ == "__main__":
    main()
