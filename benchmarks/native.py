"""What scoring within the cluster costs, against XGBoost's own reading of a matrix.

The same events (24 numbers in nested objects) go by bulk requests through three pipelines of an
OpenSearch node, in turns; each ends by dropping the event, so that nothing is stored:

- *empty*: nothing but that;
- *bare*: the pipelines of a detector and a model, whose script does nothing. After each script a
  node searches the event for references to itself, which costs what a hundred trees do;
- *100 trees*, *300 trees*: the same with the script of a model six questions deep. What Painless
  costs is the CPU time of the node's process less that of *bare*: reading fields, walking trees,
  writing the score onto the event. Less that of *empty* it is told too.

What Java's compiler does for a script it does once after a node starts: its threads are left out,
and so are the first passes of each pipeline. Pipelines take turns, and each ratio is of one round.

XGBoost predicts the same rows from a ready matrix, on one thread. Rows are counted by CPU second.
The goals are ratios within one run: for 100 trees Painless gets through 0.2 of XGBoost's rows; no
script has more than 2,000 characters. OpenSearch has Elasticsearch's Painless of 7.10;
Elasticsearch's own node was not measured, as its Painless is not published.

``python benchmarks/native.py [--rows N] [--rounds N] [--json]``
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import xgboost as xgb

sys.path.insert(0, str(Path(__file__).parents[1]))

from scoreback.connectors.elastic.native.packing import Times, scripts
from scoreback.connectors.elastic.native.pipelines import (
    PipelineNames,
    detector_pipeline,
    in_force,
    model_pipeline,
)
from scoreback.deployment import NativePoint
from scoreback.models.learners.model import Floats, Matrix
from scoreback.models.learners.trees import TreeModel
from scoreback.models.portable.making import intercept_of, trees_of
from scoreback.portable.model import PortableFeature, PortableModel, Words
from tests.opensearch.node import running

FIELDS, DEPTH, SEED, BULK, WARM = 24, 6, 7, 2_000, 8
GOAL, LONGEST = 0.2, 2_000
# On a busy machine Java's compiler comes late, and would still be at it while we measure: let what
# needs it wait. Its threads stay, as one that ends takes its time out of /proc.
JVM = ("-Xbatch", "-XX:-UseDynamicNumberOfCompilerThreads")
TIMES = Times("@timestamp", "event.ingested")
NAMES = PipelineNames("default")
HOLDERS = ("source", "destination", "network", "process", "dns.question", "url")


@dataclass(frozen=True)
class Case:
    """A model, as XGBoost has it and as the cluster gets it."""

    trees: int
    model: PortableModel
    stored: TreeModel


def name_of(place: int) -> str:
    """The field of a column: of two or three parts, as ECS names them."""
    return f"{HOLDERS[place % len(HOLDERS)]}.f{place}"


def matrix(rows: int) -> Matrix:
    """Numbers of which some tell the classes apart, a tenth missing."""
    draw = np.random.default_rng(SEED)
    found: Matrix = draw.normal(size=(rows, FIELDS)).astype(np.float32)
    found[draw.random(found.shape) < 0.1] = np.nan
    return found


def truth_of(found: Matrix) -> Floats:
    """Classes that trees have something to learn of."""
    draw = np.random.default_rng(SEED + 1)
    known = np.nan_to_num(found)
    odds = known[:, 0] * known[:, 1] + np.sin(known[:, 2] * 3) + known[:, 3] - 2
    return np.asarray(draw.random(len(odds)) < 1 / (1 + np.exp(-odds)), dtype=np.float64)


def case(trees: int) -> Case:
    """A model of *trees* trees that makes use of nearly every question it may ask."""
    found = matrix(30_000)
    learnt = xgb.train(
        {"objective": "binary:logistic", "max_depth": DEPTH, "nthread": 2, "seed": SEED,
         "min_child_weight": 0, "tree_method": "hist"},
        xgb.DMatrix(found, truth_of(found)),
        trees,
    )  # fmt: skip
    stored = TreeModel.from_bytes(bytes(learnt.save_raw("ubj")), 1, algorithm="xgboost")
    words = Words("", "", "", {})
    model = PortableModel(
        detector=f"bench{trees}", version="v1", artifact="", algorithm="xgboost",
        entity_field="f", intercept=intercept_of(stored), link="logistic", threshold=0.5, cut=0.0,
        risk_log_odds=(), risks=(), trees=trees_of(stored),
        features=[
            PortableFeature(f"f{n}", "number", name_of(n), None, "first", None, words)
            for n in range(FIELDS)
        ],
    )  # fmt: skip
    return Case(trees, model, stored)


class Cluster:
    """The node of this benchmark."""

    def __init__(self, url: str, pid: int) -> None:
        """Talk to the node at *url*, whose process is *pid*."""
        where = urlsplit(url)
        self._http = http.client.HTTPConnection(where.hostname or "", where.port)
        self._pid = pid

    def call(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
        """The answer to a request."""
        kind = "application/x-ndjson" if "_bulk" in path else "application/json"
        self._http.request(method, path, body, {"content-type": kind})
        answer = self._http.getresponse()
        said = json.loads(answer.read())
        if answer.status >= 300 or said.get("errors"):
            raise SystemExit(f"{method} {path}: {json.dumps(said)[:600]}")
        return said

    def put(self, name: str, body: object) -> None:
        """Write a pipeline."""
        self.call("PUT", f"/_ingest/pipeline/{name}", json.dumps(body).encode())

    def cpu(self) -> float:
        """CPU seconds of the process so far, but for Java's compiler."""
        process = Path(f"/proc/{self._pid}")
        compilers = [
            _ticks(thread / "stat")
            for thread in process.glob("task/*")
            if (thread / "comm").read_text().startswith(("C1 Compiler", "C2 Compiler"))
        ]
        return (_ticks(process / "stat") - sum(compilers)) / os.sysconf("SC_CLK_TCK")

    def passes(self, pipeline: str, bulks: Sequence[bytes]) -> float:
        """CPU seconds of the process while *bulks* go through *pipeline*."""
        before = self.cpu()
        for bulk in bulks:
            self.call("POST", f"/bench/_bulk?pipeline={pipeline}&filter_path=errors", bulk)
        return self.cpu() - before


def _ticks(stat: Path) -> int:
    """User and system time of a process or a thread."""
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def bulks_of(found: Matrix) -> list[bytes]:
    """The rows as events in bulk requests."""
    lines = []
    for row in found.tolist():
        document: dict[str, Any] = {"@timestamp": "2026-03-01T12:00:00.000Z"}
        for place, value in enumerate(row):
            if value == value:  # NaN alone is not itself
                *above, last = name_of(place).split(".")
                holder = document
                for part in above:
                    holder = holder.setdefault(part, {})
                holder[last] = value
        lines.append('{"create":{}}\n' + json.dumps(document) + "\n")
    return ["".join(lines[start : start + BULK]).encode() for start in range(0, len(lines), BULK)]


def prepared(cluster: Cluster, cases: Sequence[Case]) -> list[str]:
    """The names of the pipelines to compare, made: the empty one first."""
    drop: dict[str, Any] = {"drop": {}}
    cluster.put("bench-empty", {"processors": [drop]})
    nothing = {"script": {"source": "ctx.remove('_scoreback')"}}
    cluster.put("bench-nothing", {"processors": [nothing]})
    told = in_force("bench", "v1", 0.5, 0.0)
    calls = [told, {"pipeline": {"name": "bench-nothing"}}]
    cluster.put("bench-called", {"processors": calls})
    cluster.put("bench-bare", {"processors": [{"pipeline": {"name": "bench-called"}}, drop]})
    names = ["bench-empty", "bench-bare"]
    for one in cases:
        point = NativePoint(
            detector=one.model.detector, entity_field="f", version="v1", threshold=0.5, cut=0.0,
            updated_at=datetime.now(UTC),
        )  # fmt: skip
        cluster.put(NAMES.of_model(point.detector, "v1"), model_pipeline(one.model, TIMES))
        cluster.put(NAMES.of_detector(point.detector), detector_pipeline(point, NAMES))
        call = {"pipeline": {"name": NAMES.of_detector(point.detector)}}
        cluster.put(f"bench-{one.trees}", {"processors": [call, drop]})
        names.append(f"bench-{one.trees}")
    return names


def agree(cluster: Cluster, one: Case, found: Matrix) -> float:
    """The largest difference between the scores of both, over some rows."""
    some = found[:200]
    documents = [json.loads(line) for line in b"".join(bulks_of(some)).splitlines()[1::2]]
    body = {"docs": [{"_source": document} for document in documents]}
    name = NAMES.of_detector(one.model.detector)
    said = cluster.call("POST", f"/_ingest/pipeline/{name}/_simulate", json.dumps(body).encode())
    scores = [each["doc"]["_source"]["scoreback"]["score"] for each in said["docs"]]
    expected = 1 / (1 + np.exp(-one.stored.margin(some)))
    return float(np.abs(np.asarray(scores) - expected).max())


def own_rate(one: Case, found: Matrix, least: float = 0.5) -> float:
    """Rows by CPU second that XGBoost itself predicts, on one thread."""
    booster = one.stored.booster
    booster.set_param({"nthread": 1})
    rows, began = 0, time.process_time()
    while time.process_time() - began < least:
        booster.inplace_predict(found, predict_type="margin")
        rows += len(found)
    return rows / (time.process_time() - began)


def measured(rows: int, rounds: int) -> dict[str, Any]:
    """Rates and ratios, medians of *rounds*."""
    found = matrix(rows)
    cases = [case(100), case(300)]
    bulks = bulks_of(found)
    figures: dict[str, Any] = {"rows": rows, "rounds": rounds}
    with running(heap="1g", jvm_options=JVM) as node:
        cluster = Cluster(node.url, node.pid)
        names = prepared(cluster, cases)
        for one in cases:
            figures[f"difference, {one.trees} trees"] = agree(cluster, one, found)
        for _ in range(WARM):  # the virtual machine compiles what it sees often
            for name in names:
                cluster.passes(name, bulks)
        taken: dict[str, list[float]] = {name: [] for name in names}
        own: dict[int, list[float]] = {one.trees: [] for one in cases}
        for number in range(rounds):
            for name in names if number % 2 else reversed(names):
                taken[name].append(cluster.passes(name, bulks))
            for one in cases:
                own[one.trees].append(own_rate(one, found))
    seconds = {name: np.array(some) for name, some in taken.items()}
    empty, bare = seconds["bench-empty"], seconds["bench-bare"]
    figures["microseconds an event, empty"] = float(np.median(empty)) / rows * 1e6
    figures["microseconds an event, bare"] = float(np.median(bare - empty)) / rows * 1e6
    for one in cases:
        whole, xgboost = seconds[f"bench-{one.trees}"], np.array(own[one.trees])
        spent = float(np.median(whole - bare))
        texts = scripts(one.model, TIMES)
        figures |= {
            f"nodes, {one.trees} trees": len(one.model.trees.left if one.model.trees else ()),
            f"microseconds an event, {one.trees} trees": spent / rows * 1e6,
            f"events/cpu-s, {one.trees} trees": rows / spent,
            f"XGBoost rows/cpu-s, {one.trees} trees": float(np.median(xgboost)),
            # Both of a round saw the same load of the machine.
            f"ratio, {one.trees} trees": rows / float(np.median((whole - bare) * xgboost)),
            f"ratio with processors, {one.trees} trees": rows
            / float(np.median((whole - empty) * xgboost)),
            f"characters of source, {one.trees} trees": max(len(each.source) for each in texts),
            f"characters of parameters, {one.trees} trees": sum(
                len(json.dumps(each.params)) for each in texts
            ),
        }
    return figures


def main() -> int:
    """Measure, print, and say whether the goals were met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measured(options.rows, options.rounds)
    met = figures["ratio, 100 trees"] >= GOAL and all(
        figures[f"characters of source, {trees} trees"] <= LONGEST
        and figures[f"difference, {trees} trees"] <= 1e-6
        for trees in (100, 300)
    )
    if options.json:
        sys.stdout.write(json.dumps(figures | {"met": met}) + "\n")
    else:
        for name, value in figures.items():
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            sys.stdout.write(f"{name:40} {shown:>14}\n")
        sys.stdout.write(f"{'goals met' if met else 'goals missed'}: {GOAL} of XGBoost's rows\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
