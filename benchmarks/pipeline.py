"""Events in Elasticsearch to scores in Elasticsearch: the product, the usual way, and the limit.

100,000 events of about 500 bytes in a data stream, the 24 features of ``detectors/features.yml``
(ten numbers, eight categories, six computed), 300 trees; a real node on this machine, started here
and sharing its cores. "Naive" is scan, json_normalize, predict, bulk. "Raw" is the least client
work that does it. "In place" updates the events; "apart" makes documents in an index of scores.
Each run has a process of its own; rounds alternate, and every ratio is the median over rounds.

Client CPU and wall time begin when the libraries are loaded; the node's CPU ends when what was
written can be searched. All ways must score alike, or the run ends.

``python benchmarks/pipeline.py [--json] [--events N] [--rounds N] [--times N] [--heap SIZE]``
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from features import PLAN, ByColumns, documents, scorer_of
from numpy.typing import NDArray
from pipeline_cluster import SPAN, START, Cluster, spread
from pipeline_ours import SCORES, prepare
from pipeline_run import WAYS
from pipeline_task import Model, Task

from scoreback.models.artifact.scoring import Scorer
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.trees import TreeModel

sys.path.append(str(Path(__file__).parents[1]))  # the node is that of the tests
from tests.elasticsearch.node import running

LEARNT = 50_000
AS_BY_DEFAULT = "ours, as by default"
SUBJECT = "ours, apart"
COMPARED = list(WAYS)
WARMING = ["naive, apart", "raw, apart, 2 slices", "raw, in place, 2 slices"]

Figures = dict[str, Any]


class Bench:
    """A node with events, and the model that scores them."""

    def __init__(self, cluster: Cluster, url: str, folder: Path, texts: list[str]) -> None:
        """Score *texts*, of which there may be fewer than events."""
        self._cluster, self._url, self._folder, self._texts = cluster, url, folder, texts
        self._runs = 0
        cluster.prepare()

    def fill(self, count: int) -> None:
        """Make the data stream that nobody updates."""
        self._cluster.fill(f"bench-events-{count}", spread(self._texts, count))

    def run(self, way: str, count: int) -> Figures:
        """One run of one way over *count* events."""
        self._runs += 1
        stream, target = f"bench-events-{count}", "bench-scores"
        if "in place" in way:  # its own, as updated events are slower to read ever after
            stream = f"bench-events-updated-{self._runs}"
            self._cluster.fill(stream, spread(self._texts, count))
        self._cluster.new_target(target)
        if way.startswith("ours"):  # as new as the other ways' index
            self._cluster.remove(SCORES)
        self._cluster.settle()
        task = Task(
            url=self._url, source=stream, target=target, folder=str(self._folder),
            run=f"run-{self._runs}", since=START.isoformat(),
            until=(START + SPAN + timedelta(seconds=1)).isoformat(),
        )  # fmt: skip
        script = str(Path(__file__).with_name("pipeline_run.py"))
        before = self._cluster.cpu_s()
        done = subprocess.run(  # noqa: S603  # this file's own sibling
            [sys.executable, script, way, task.dumped()], stdout=subprocess.PIPE, check=True
        )
        self._cluster.ask("POST", "/_refresh")
        found: Figures = json.loads(done.stdout.splitlines()[-1])
        found["server_cpu_s"] = self._cluster.cpu_s() - before
        if found["scored"] != count:
            sys.exit(f"{way}: scored {found['scored']} of {count} events")
        if "in place" in way:
            self._cluster.remove(stream)
        elif not way.startswith("ours") and self._cluster.count(target) != count:
            sys.exit(f"{way}: not every score was written")
        return found


def learnt(texts: list[str], truth: NDArray[np.int8]) -> tuple[Scorer, Model]:
    """The product's scorer and the same trees for the other ways."""
    columns = ByColumns()
    lines = list(islice(spread(texts, len(texts)), LEARNT))
    encoder = Encoder.fit(columns.rows(lines), truth[: len(lines)], PLAN.features)
    scorer = scorer_of(encoder, columns.matrix(lines, encoder), truth[: len(lines)])
    if not isinstance(scorer.artifact.model, TreeModel):
        raise TypeError("trees were asked for")
    weights = {f.field: encoder.vocabularies[f.name] for f in PLAN.event_features
               if f.kind == "category"}  # fmt: skip
    return scorer, Model(scorer.artifact.model.booster, {k: dict(v) for k, v in weights.items()})


def compared(rounds: list[dict[str, Figures]], count: int) -> list[Figures]:
    """A row for each way: medians, and ratios to both naive ways of the same round."""
    rows = []
    for way in rounds[0]:
        runs = [one[way] for one in rounds]
        row: Figures = {"way": way}
        for what in ("cpu_s", "wall_s", "peak_mb"):
            row[what] = statistics.median(run[what] for run in runs)
        row["client_events_per_cpu_s"] = count / row["cpu_s"]
        row["server_events_per_cpu_s"] = statistics.median(count / r["server_cpu_s"] for r in runs)
        row["events_per_s"] = [round(count / max(r["wall_s"] for r in runs)),
                               round(count / min(r["wall_s"] for r in runs))]  # fmt: skip
        for key, what in (("client_cpu", "cpu_s"), ("wall", "wall_s")):
            for base in ("naive, in place", "naive, apart"):
                row[f"{key}_vs_{base}"] = _ratio(rounds, base, way, what)
        rows.append(row)
    return rows


def _ratio(rounds: list[dict[str, Figures]], base: str, way: str, what: str) -> float:
    """How many times more *base* needs than *way*."""
    return float(statistics.median(one[base][what] / one[way][what] for one in rounds))


def headline(rounds: list[dict[str, Figures]]) -> dict[str, float]:
    """What is claimed of the subject, each against its like."""
    raw = "raw, apart, our ids by create"
    found = {
        "client_cpu_vs_naive": _ratio(rounds, "naive, apart", SUBJECT, "cpu_s"),
        "client_cpu_vs_raw": _ratio(rounds, raw, SUBJECT, "cpu_s"),
        "wall_vs_naive": _ratio(rounds, "naive, in place", SUBJECT, "wall_s"),
        "wall_vs_naive_apart": _ratio(rounds, "naive, apart", SUBJECT, "wall_s"),
    }
    in_place = "ours, in place"
    found["in_place_client_cpu_vs_naive"] = _ratio(rounds, "naive, in place", in_place, "cpu_s")
    for what in ("cpu", "wall"):  # what is stored without being asked for more
        for base in ("naive, in place", "naive, apart"):
            ratio = _ratio(rounds, base, AS_BY_DEFAULT, f"{what}_s")
            found[f"by_default_{what}_vs_{base}"] = ratio
    for what, key in (("cpu_s", "client"), ("server_cpu_s", "server"), ("wall_s", "wall")):
        found[f"ids_cost_{key}"] = _ratio(rounds, raw, "raw, apart, 2 slices", what)
    return found


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Events to scores, in Elasticsearch.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10, help="for memory; 1 leaves it out")
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts, truth = documents(arguments.events)
    scorer, model = learnt(texts, truth)
    with (
        tempfile.TemporaryDirectory(prefix="scoreback-pipeline-") as folder,
        running(heap=arguments.heap, jvm_options=()) as node,
    ):
        model.save(Path(folder))
        prepare(Path(folder), scorer.artifact, node.url)
        bench = Bench(Cluster(node.url, node.pid), node.url, Path(folder), texts)
        bench.fill(arguments.events)
        for way in WARMING:  # a fresh node is several times slower
            bench.run(way, arguments.events)
        rounds = []
        for number in range(arguments.rounds):
            _tell(f"round {number + 1} of {arguments.rounds}, load {os.getloadavg()[0]:.1f}")
            order = COMPARED if number % 2 == 0 else COMPARED[::-1]
            found = {way: bench.run(way, arguments.events) for way in order}
            rounds.append({way: found[way] for way in COMPARED})
        sums = [f["sum"] for one in rounds for way, f in one.items() if way != AS_BY_DEFAULT]
        if not np.allclose(sums, sums[0], rtol=1e-6):
            sys.exit(f"the ways do not score alike: {sorted(set(sums))}")
        head = {"subject": SUBJECT, **headline(rounds)}
        if arguments.times > 1:
            _tell(f"memory at {arguments.events * arguments.times:,} events")
            bench.fill(arguments.events * arguments.times)
            large = bench.run(SUBJECT, arguments.events * arguments.times)
            few = statistics.median(one[SUBJECT]["peak_mb"] for one in rounds)
            head |= {"peak_mb": large["peak_mb"], "peak_memory_ratio": large["peak_mb"] / few}
    rows = compared(rounds, arguments.events)
    if arguments.json:
        print(json.dumps({**head, "ways": rows}, indent=2))
        return
    _print(head, rows)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(head: Figures, rows: list[Figures]) -> None:
    print(f"{'':30} {'client ev/cpu-s':>15} {'server ev/cpu-s':>15} {'ev/s wall':>16} "
          f"{'peak MB':>8} {'cpu x':>6} {'wall x':>7} {'(apart) x':>10}")  # fmt: skip
    for row in rows:
        least, most = row["events_per_s"]
        print(
            f"{row['way']:30} {row['client_events_per_cpu_s']:15,.0f} "
            f"{row['server_events_per_cpu_s']:15,.0f} {f'{least:,}-{most:,}':>16} "
            f"{row['peak_mb']:8.0f} {row['client_cpu_vs_naive, in place']:6.1f} "
            f"{row['wall_vs_naive, in place']:7.1f} {row['wall_vs_naive, apart']:10.1f}"
        )
    for name, value in head.items():
        print(f"{name}: {value if isinstance(value, str) else round(value, 2)}")


if __name__ == "__main__":
    main()
