"""Reading verdicts from Elastic Security: client CPU an alert, and memory.

A real Elasticsearch node holds closed alerts as Kibana writes them; no Kibana is needed to read
them. Each run has a process of its own, whose CPU counts from when the connection is open. Rounds
alternate, and the ratio is the median over rounds.

The harvest: the door to labels, which gives labels in columns. Raw: the same pages over a point in
time, decoded and dropped. Both where a verdict is about its event alone, and where entities are
asked for as well, so that each event is looked for. Peak memory: all alerts against a fifth of
them. The claims: the harvest costs at most twice as much as reading the documents raw, and its
memory does not grow with their number (1.1 times at most).

``python benchmarks/verdicts.py [--json] [--alerts N] [--rounds N] [--node URL]``
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))  # the node and the alerts of the tests

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.deploying.door import Resources
from scoreback.connectors.elastic.kibana.labels.hits import UPDATED, asked
from scoreback.connectors.elastic.kibana.labels.pages import PAGE_ROWS, Changed, alerts_index
from scoreback.connectors.elastic.wire.point_in_time import point_in_time
from scoreback.records import LabelQuery
from scoreback.times import micros
from tests.elasticsearch.direct import done, fill, request
from tests.elasticsearch.node import running
from tests.kibana.alert_document import document
from tests.kibana.alerts_index import alias, backing, mapping

START = datetime(2026, 3, 2, tzinfo=UTC)
SPACE, ENTITY, EVENTS = "benchmark", "source.ip", "logs-benchmark"
REASONS = ("true_positive", "false_positive", "benign_positive", "false_positive", "other")
OURS, RAW, LOOKED_UP = "harvest", "raw pages", "harvest, events looked for"
CLAIMS = {"cost": 2.0, "memory": 1.1}
SHARE = 5  # of the alerts, which memory is compared with
BULK = 2_000
APART = timedelta(milliseconds=250)  # from one alert to the next

Figures = dict[str, float]


def alerts(count: int) -> Iterator[dict[str, Any]]:
    """*count* closed alerts of some rules, as Kibana writes them."""
    for n in range(count):
        at = START + APART * n
        source = {
            "@timestamp": _iso(at), "source": {"ip": f"10.0.{n % 40}.{n % 250}", "port": 50_000},
            "destination": {"ip": f"10.1.0.{n % 200}", "port": 443}, "message": "a line " * 20,
            "event": {"kind": "alert", "category": ["network"], "ingested": _iso(at)},
            "host": {"name": f"host-{n % 300}", "os": {"name": "Linux"}},
        }  # fmt: skip
        rule = {
            "id": f"00000000-0000-4000-8000-{n % 60:012}", "rule_id": f"rule-{n % 60}",
            "name": f"A rule of theirs {n % 60}", "type": "query", "severity": "medium",
            "risk_score": 47, "tags": ["Domain: Network", "Use Case: Threat Detection"],
            "from": "now-9m", "query": "destination.port: 443 and not host.os.name: Windows " * 4,
            "version": 3, "description": "What the rule is for, at some length. " * 5,
        }  # fmt: skip
        closed = {
            "kibana.alert.workflow_status": "closed",
            "kibana.alert.workflow_status_updated_at": _iso(at + timedelta(hours=6)),
            "kibana.alert.workflow_user": f"u_{n % 12}",
            "kibana.alert.workflow_reason": REASONS[n % len(REASONS)],
        }
        name = f"{n:064x}"
        yield {"_id": name} | document(
            rule,
            [{"_index": EVENTS, "_id": f"event-{n:014}", "_source": source}],
            identifier=name,
            space=SPACE,
            now=_iso(at + timedelta(minutes=2)),
            kibana_version="9.5.0",
            execution="benchmark",
            overrides=closed,
        )


def prepare(url: str, count: int) -> None:
    """Put *count* alerts and their events onto the node."""
    index = backing(SPACE)
    request(url, "DELETE", f"/{index}?ignore_unavailable=true")
    request(url, "DELETE", f"/{EVENTS}?ignore_unavailable=true")
    settings = {"number_of_replicas": 0, "number_of_shards": 1}
    body = {"settings": settings, "mappings": mapping((9, 5)), "aliases": {alias(SPACE): {}}}
    done(url, "PUT", f"/{index}", body)
    done(url, "PUT", f"/{EVENTS}", {"settings": settings, "mappings": {"dynamic": False}})
    some: list[dict[str, Any]] = []
    for alert in alerts(count):
        some.append(alert)
        if len(some) == BULK:
            _write(url, index, some)
            some = []
    _write(url, index, some)


def _write(url: str, index: str, some: list[dict[str, Any]]) -> None:
    fill(url, index, some)
    ids = [alert["kibana.alert.ancestors"][0]["id"] for alert in some]
    fill(url, EVENTS, ({"_id": name, "n": 1} for name in ids))


def harvest(url: str, count: int, window: timedelta | None = None) -> Callable[[], int]:
    """The door to labels."""
    connector = opened(url)
    query = LabelQuery(detector="d", entity=ENTITY, since=START, until=_until(count), window=window)
    return lambda: sum(batch.num_rows for batch in connector.labels.read(query))


def raw(url: str, count: int) -> Callable[[], int]:
    """The same pages, decoded and dropped."""
    connector = opened(url)
    asked_for = Changed(since=micros(START), until=micros(_until(count)))

    def run() -> int:
        found = 0
        body: dict[str, Any] = {
            "size": PAGE_ROWS,
            "track_total_hits": False,
            "query": asked_for.query(),
            "sort": [{UPDATED: {"order": "asc", "unmapped_type": "date"}}],
            "_source": asked(ENTITY),
        }
        with point_in_time(connector.client, alerts_index(SPACE)) as pit:
            while True:
                answer = msgspec.json.decode(pit.search(body))
                hits = answer["hits"]["hits"]
                found += len(hits)
                if len(hits) < PAGE_ROWS:
                    return found
                pit.renew(answer["pit_id"])
                body["search_after"] = hits[-1]["sort"]

    return run


WAYS: dict[str, Callable[[str, int], Callable[[], int]]] = {
    OURS: harvest,
    RAW: raw,
    LOOKED_UP: lambda url, count: harvest(url, count, timedelta(hours=1)),
}


def opened(url: str) -> ElasticConnector:
    """A connection of ours; nothing listens where its Kibana would be."""
    given = {
        "hosts": [url], "namespace": "benchmark", "replicas": 0, "space": SPACE,
        "kibana": "http://127.0.0.1:9",
    }  # fmt: skip
    connector = ElasticConnector.open("benchmark", given)
    cluster = Resources(connector.client, connector.given)  # without what Kibana would have to keep
    for wanted in cluster.wanted():
        if wanted.kind == "index":
            cluster.apply(wanted)
    return connector


def one_run(way: str, url: str, count: int) -> Figures:
    """Run *way* in this process."""
    run = WAYS[way](url, count)
    before, began = time.process_time(), time.perf_counter()
    found = run()
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    if found != count:
        sys.exit(f"{way}: {found:,} of {count:,} alerts")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"microseconds": cpu / count * 1e6, "seconds": wall, "megabytes": peak}


def apart(way: str, url: str, count: int) -> Figures:
    """Run *way* in a process of its own."""
    command = [sys.executable, __file__, "--run", way, "--node", url, "--alerts", str(count)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    found: Figures = json.loads(answer.stdout)
    return found


def measured(url: str, count: int, rounds: int) -> dict[str, Any]:
    """Figures of each way, and the ratios."""
    prepare(url, count)
    runs: dict[str, list[Figures]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, found in runs.items():
            found.append(apart(way, url, count))
    few = apart(OURS, url, count // SHARE)
    many = max(run["megabytes"] for run in runs[OURS])

    def ratio(way: str) -> float:
        pairs = zip(runs[way], runs[RAW], strict=True)
        return statistics.median(a["microseconds"] / b["microseconds"] for a, b in pairs)

    ways = {
        way: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for way, found in runs.items()
    }
    return {
        "alerts": count,
        "rounds": rounds,
        "ways": ways,
        "few": {"alerts": count // SHARE, **few},
        "ratios": {
            "cost": ratio(OURS),
            "cost_looked_for": ratio(LOOKED_UP),
            "memory": many / few["megabytes"],
        },
        "claims": CLAIMS,
    }


def table(found: dict[str, Any]) -> str:
    """*found* for people."""
    lines = [f"{found['alerts']:,} closed alerts, {found['rounds']} rounds", ""]
    lines.append(f"{'':34}{'CPU µs an alert':>16}{'seconds':>10}{'peak MB':>10}")
    rows = {**found["ways"], f"{OURS}, {found['few']['alerts']:,} alerts": found["few"]}
    for way, figures in rows.items():
        lines.append(
            f"{way:34}{figures['microseconds']:16.2f}{figures['seconds']:10.2f}"
            f"{figures['megabytes']:10.0f}"
        )
    ratios = found["ratios"]
    lines += [
        "",
        f"harvest against raw pages: {ratios['cost']:.2f} times (claim: {CLAIMS['cost']})",
        f"where each event is looked for, too: {ratios['cost_looked_for']:.2f} times",
        f"peak memory, {SHARE} times as many: {ratios['memory']:.2f} (claim: {CLAIMS['memory']})",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--node", metavar="URL", help="one that is there; else one is started")
    parser.add_argument("--run", metavar="WAY", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(one_run(given.run, given.node, given.alerts)))
        return
    with _node(given.node) as url:
        found = measured(url, given.alerts, given.rounds)
    print(json.dumps(found) if given.json else table(found))
    if any(found["ratios"][name] > most for name, most in CLAIMS.items()):
        sys.exit(1)


@contextmanager
def _node(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with running() as node:
        yield node.url


def _until(count: int) -> datetime:
    """A time by which the first *count* alerts had been closed, and no other."""
    return START + timedelta(hours=6) + APART * count


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
