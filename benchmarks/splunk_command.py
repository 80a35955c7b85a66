"""What the Splunk app's search command costs, against the least that any command could.

The same rows (40 numbers, `_raw`, host, source, sourcetype; in chunks of 5,000) go to three child
processes by the chunked protocol, in turns:

- *empty*: written by hand, reads each row and adds a constant;
- *scoreback*: the app's command, with a model of 100 trees, five questions deep, from a stand-in
  for splunkd's KV store;
- *SDK*: the same model within splunklib's `StreamingCommand`, as the SDK's examples have it.

Rows are counted by CPU second of the child, its start and the reading of the model included.
Beside that, the scorer alone against a walk over nodes that are dicts, where nothing is missing to
make either of them quicker. The goals are ratios within one run: 1.5 of the SDK's, 0.45 of the
empty command's, and 8 of the walk's for the same 100 trees.

``python benchmarks/splunk_command.py [--rows N] [--rounds N] [--python PYTHON] [--json]``
"""

import argparse
import contextlib
import csv
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scoreback.portable.model import PortableFeature, PortableModel, Trees, Words, digest
from scoreback.portable.trees import TreeScorer

BIN = Path(__file__).parents[1] / "packaging" / "splunk" / "package" / "bin"
FIELDS, CHUNK, SEED = 40, 5_000, 7
WALKED = 1_000  # rows of a chunk: as many at a time as stay in the cache
GOALS = {"scoreback / empty": 0.45, "scoreback / SDK": 1.5, "scorer / walk, 100 x 5": 8.0}

EMPTY = """
import csv, gc, io, json, sys
gc.disable()
source, sink = sys.stdin.buffer, sys.stdout.buffer
def write(metadata, body=b""):
    text = json.dumps(metadata).encode()
    sink.write(b"chunked 1.0,%d,%d\\n" % (len(text), len(body)) + text + body)
    sink.flush()
while True:
    head = source.readline()
    if not head:
        break
    lengths = [int(each) for each in head.decode().split(",")[1:]]
    metadata = json.loads(source.read(lengths[0]))
    body = source.read(lengths[1])
    if metadata["action"] == "getinfo":
        write({"type": "stateful"})
        continue
    rows = csv.reader(io.StringIO(body.decode(), newline="\\n"))
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\\n")
    for row in rows:
        row.append("0.5")
        writer.writerow(row)
    write({"finished": metadata["finished"]}, made.getvalue().encode())
"""

SDK = """
import json, math, sys
sys.path.insert(0, sys.argv.pop(1))
from scoreback_portable.model import from_content
from scoreback_portable.reading import number
from scoreback_portable.scorer import score_of
from scoreback_portable.trees import TreeScorer
from splunklib.searchcommands import Configuration, StreamingCommand, dispatch
with open(sys.argv.pop(1)) as file:
    MODEL = from_content(json.load(file)["model"])
SCORER = TreeScorer(MODEL.trees, MODEL.intercept)
SCORER.compile()
NAMES = [MODEL.features[place].field for place in SCORER.used]

@Configuration(distributed=False)
class Scored(StreamingCommand):
    def stream(self, records):
        (margin,) = SCORER._functions
        for record in records:
            values = [float(record[name] or "nan") for name in NAMES]
            score = score_of(margin(MODEL.intercept, *values))
            record["scoreback_score"] = score
            record["scoreback_threshold"] = 1.0
            record["scoreback_alert"] = 0
            record["scoreback_version"] = MODEL.version
            record["scoreback_reasons"] = ""
            yield record

dispatch(Scored, sys.argv, sys.stdin, sys.stdout, __name__)
"""


def full_trees(count: int, depth: int) -> Trees:
    """*count* trees with all the questions that *depth* has room for."""
    draw = random.Random(SEED)  # noqa: S311 - no secret
    columns: dict[str, list[Any]] = {name: [] for name in Trees.__dataclass_fields__}

    def node(below: int) -> int:
        place = len(columns["left"])
        given = (-1, -1, draw.randrange(FIELDS), draw.random(), draw.randrange(2))
        for name, value in zip(
            ("left", "right", "feature", "threshold", "missing_left"), given, strict=True
        ):
            columns[name].append(value)
        columns["worth"].append(draw.uniform(-0.1, 0.1))
        if below:
            columns["left"][place], columns["right"][place] = node(below - 1), node(below - 1)
        return place

    for _ in range(count):
        columns["roots"].append(node(depth))
    return Trees(**columns)


def model() -> PortableModel:
    """A detector of numbers that never alerts: reasons cost extra, and are told of alerts only."""
    words = Words("", "", "", {})
    features = [
        PortableFeature(f"f{n}", "number", f"f{n}", None, "first", None, words)
        for n in range(FIELDS)
    ]
    return PortableModel(
        detector="speed", version="v1", artifact="", algorithm="xgboost", entity_field="f0",
        features=features, intercept=-3.0, link="logistic", threshold=1.0, cut=1e30,
        risk_log_odds=(), risks=(), trees=full_trees(100, 5),
    )  # fmt: skip


def messages(rows: int) -> bytes:
    """Chunks of rows as splunkd sends them."""
    draw = random.Random(SEED)  # noqa: S311 - no secret
    names = [f"f{n}" for n in range(FIELDS)]
    head = ["_raw", "host", "source", "sourcetype", *names, *(f"__mv_{name}" for name in names)]
    raw = "2026-03-01T12:00:00Z host-0007 app[1234]: " + "k=v, " * 70
    parts = []
    for start in range(0, rows, CHUNK):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        for _ in range(start, min(start + CHUNK, rows)):
            values = [f"{draw.random():.6f}" if draw.random() > 0.03 else "" for _ in names]
            about = [raw, "host-0007", "/var/log/app", "app"]
            writer.writerow([*about, *values, *([""] * FIELDS)])
        parts.append(_chunk({"action": "execute", "finished": False}, text.getvalue().encode()))
    return b"".join([*parts, _chunk({"action": "execute", "finished": True}, b"")])


def _chunk(metadata: Mapping[str, object], body: bytes) -> bytes:
    text = json.dumps(metadata).encode()
    return b"chunked 1.0,%d,%d\n" % (len(text), len(body)) + text + body


@contextlib.contextmanager
def collections(documents: Mapping[str, object]) -> Iterator[str]:
    """A stand-in for the KV store that knows *documents* by their keys; its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = unquote(urlsplit(self.path).path.rpartition("/")[2])
            body = json.dumps(documents.get(key)).encode()
            self.send_response(200 if key in documents else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spent(command: list[str], said: bytes, home: str) -> float:
    """CPU seconds of the child that *command* starts, answering all that is *said*."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "SPLUNK_HOME": home, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(  # noqa: S603 - our own commands
        command, input=said, capture_output=True, check=False, env=environment
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def commands(python: str, rows: int, rounds: int) -> dict[str, float]:
    """Rows by CPU second of each command: the median of *rounds*."""
    text = json.dumps({"model": json.loads(model().as_text()), "names": {}})
    documents = {
        "speed": {"version": "v1", "threshold": 1.0, "cut": 1e30, "digest": digest(text)},
        "speed:v1:0": {"parts": 1, "digest": digest(text), "text": text},
    }
    body = messages(rows)
    with collections(documents) as address, tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        (made / "empty.py").write_text(EMPTY)
        (made / "sdk.py").write_text(SDK)
        (made / "model.json").write_text(text)
        info = {
            "args": ["detector=speed"], "raw_args": ["detector=speed"], "dispatch_dir": folder,
            "sid": "1", "app": "scoreback", "owner": "admin", "username": "admin",
            "session_key": "k", "splunkd_uri": address, "splunk_version": "10.0.0", "search": "",
            "command": "scoreback", "maxresultrows": 50_000, "earliest_time": "0",
            "latest_time": "0",
        }  # fmt: skip
        plain = {**info, "args": [], "raw_args": []}
        said = {
            name: _chunk({"action": "getinfo", "preview": False, "searchinfo": each}, b"") + body
            for name, each in (("scoreback", info), ("empty", plain), ("SDK", plain))
        }
        asked = {
            "empty": [python, str(made / "empty.py")],
            "scoreback": [python, str(BIN / "scoreback_command.py")],
            "SDK": [python, str(made / "sdk.py"), str(BIN), str(made / "model.json")],
        }
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for name, command in asked.items():  # compiled files and caches are there afterwards
            spent(command, said[name], folder)
        for _ in range(rounds):
            for name, command in asked.items():
                seconds[name].append(spent(command, said[name], folder))
    return {name: rows / statistics.median(each) for name, each in seconds.items()}


def scorers(count: int, depth: int, rows: int = CHUNK) -> dict[str, float]:
    """Rows by CPU second of the scorer, which gets a chunk at once, and of a walk over dicts."""
    trees, draw = full_trees(count, depth), random.Random(SEED)  # noqa: S311 - no secret
    scorer = TreeScorer(trees, -3.0)
    scorer.compile()
    columns = [[draw.random() for _ in range(rows)] for _ in scorer.used]
    records = [
        {f"f{place}": column[row] for place, column in zip(scorer.used, columns, strict=True)}
        for row in range(rows)
    ]
    nodes = [_as_dicts(trees, root) for root in trees.roots]
    walked = [-3.0 + _walk(nodes, record) for record in records[:50]]
    made = scorer.margins([column[:50] for column in columns], 50)
    if max(abs(a - b) for a, b in zip(walked, made, strict=True)) > 1e-7:
        raise SystemExit("the scorer and the walk do not agree")
    quick, slow = _best(
        lambda: scorer.margins(columns, rows),
        lambda: [_walk(nodes, record) for record in records[:WALKED]],
    )
    return {"scorer": rows / quick, "walk": WALKED / slow}


def _as_dicts(trees: Trees, node: int) -> dict[str, Any]:
    if trees.left[node] < 0:
        return {"leaf": trees.worth[node]}
    return {
        "feature": f"f{trees.feature[node]}",
        "threshold": trees.threshold[node],
        "missing_left": bool(trees.missing_left[node]),
        "left": _as_dicts(trees, trees.left[node]),
        "right": _as_dicts(trees, trees.right[node]),
    }


def _walk(nodes: list[dict[str, Any]], record: Mapping[str, float]) -> float:
    total = 0.0
    for tree in nodes:
        node = tree
        while "leaf" not in node:
            value = record.get(node["feature"])
            if value is None:
                node = node["left"] if node["missing_left"] else node["right"]
            else:
                node = node["left"] if value < node["threshold"] else node["right"]
        total += node["leaf"]
    return total


def _best(*calls: Callable[[], object]) -> list[float]:
    """The least CPU seconds of each of *calls*, which take turns: what else runs slows both."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(15):
        for call, seconds in zip(calls, found, strict=True):
            begun = time.process_time()
            call()
            seconds.append(time.process_time() - begun)
    return [min(seconds) for seconds in found]


def main() -> None:
    """Measure, and print the ratios beside their goals."""
    parser = argparse.ArgumentParser(description="What the Splunk search command costs.")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="that runs the commands")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rates = commands(arguments.python, arguments.rows, arguments.rounds)
    deep, flat = scorers(300, 6), scorers(100, 5)
    ratios = {
        "scoreback / empty": rates["scoreback"] / rates["empty"],
        "scoreback / SDK": rates["scoreback"] / rates["SDK"],
        "scorer / walk, 300 x 6": deep["scorer"] / deep["walk"],
        "scorer / walk, 100 x 5": flat["scorer"] / flat["walk"],
    }
    if arguments.json:
        print(
            json.dumps({"rows_per_cpu_second": rates, "ratios": ratios, "goals": GOALS}, indent=2)
        )
        return
    print(
        f"{arguments.rows:,} rows, {FIELDS} fields, 100 trees; rows by CPU second of the command:"
    )
    for name, rate in rates.items():
        print(f"  {name:22}{rate:10,.0f}")
    print(f"{'':24}{'ratio':>6}{'goal':>7}")
    for name, ratio in ratios.items():
        goal = GOALS.get(name)
        print(f"  {name:22}{ratio:6.2f}{'' if goal is None else f'{goal:7.2f}'}")


if __name__ == "__main__":
    main()
