"""From JSON events to scores: the product's columns against the usual way by pandas.

Synthetic events of about 500 bytes, 24 features (ten numbers, eight categories, six computed), one
thread, CPU time. Both ways make the same float32 matrix, and the run ends if they do not. Then the
scoring step against XGBoost alone on that matrix. The rounds alternate; a ratio is the median over
rounds. The claims: at least 3.5 times `pandas.json_normalize`; scoring at least 0.9 of
`Booster.inplace_predict`.

``python benchmarks/features.py [--json] [--events N] [--rounds N]``
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.connectors.json.decode import CHUNK, FieldDecoder
from scoreback.models.artifact.folder import Fit, artifact_of
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.judging.past import NOTHING
from scoreback.models.judging.threshold import RiskMap
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Lesson
from scoreback.models.learners.trees import TreeModel, fit_xgboost
from scoreback.records import EQUAL_EDGES, EVENT_COLUMNS, EventBatch
from scoreback.service.scoring.cutter import STEP_ROWS

DETECTOR = load_detector(Path(__file__).parent / "detectors" / "features.yml")
PLAN = FeaturePlan.of(DETECTOR)
TREES = 300
PRIVATE = ("10.", "192.168.")  # all the private addresses that these events have

Matrix = NDArray[np.float32]


def documents(count: int) -> tuple[list[str], NDArray[np.int8]]:
    """*count* events as JSON lines, and which of them are positive."""
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, 1_000_000, (count, 8)).tolist()
    picks = rng.integers(0, 40, (count, 6)).tolist()
    truth = (rng.random(count) < 0.02 + 0.2 * (np.array([p[0] for p in picks]) == 7)).astype(int)
    lines = []
    for i, (n, p) in enumerate(zip(numbers, picks, strict=True)):
        event = {
            "@timestamp": f"2026-03-{1 + i % 28:02}T{n[0] % 24:02}:{n[1] % 60:02}:{n[2] % 60:02}Z",
            "event": {
                "id": f"{i:09}", "action": f"action-{p[0]}", "category": ["network"],
                "outcome": "failure" if p[1] % 3 else "success", "duration": n[0] / 8,
                "severity": p[2],
            },
            "source": {"ip": f"10.1.{p[3]}.{p[4]}", "port": n[1] % 65536, "bytes": n[2],
                       "packets": 1 + n[3] % 900},
            "destination": {"ip": f"{'10.2' if p[5] % 2 else '8.8'}.{p[1]}.{p[2]}",
                            "port": n[4] % 1024, "bytes": n[5], "packets": n[6] % 900},
            "network": {"bytes": n[2] + n[5], "protocol": f"proto-{p[4]}",
                        "direction": "outbound" if p[3] % 2 else "inbound"},
            "host.os.family": "linux" if p[5] % 3 else "windows",
            "process": {"pid": n[7] % 32768, "command_line": f"tool{p[2]} --count {n[3]}"},
            "user": {"name": f"user-{p[1]}"},
            "rule": {"name": f"rule {p[3]}"},
            "url": {"domain": f"host{n[6]}.example.org"},
        }  # fmt: skip
        lines.append(json.dumps(event, separators=(",", ":")))
    return lines, truth.astype(np.int8)


class ByColumns:
    """The product's way: typed decoding, one query for the features, lookups by dictionary."""

    def __init__(self) -> None:
        """Prepare for the detector's fields."""
        self._fields = [f for f in PLAN.fields if f not in EVENT_COLUMNS.names]
        self._decoder = FieldDecoder(["@timestamp", "event.id", *self._fields])
        self._features = EventFeatures(PLAN)

    def matrix(self, lines: list[str], encoder: Encoder) -> Matrix:
        """The matrix of all *lines*, as many at a time as a scoring step takes."""
        found = np.empty((len(lines), len(PLAN.features)), dtype=np.float32)
        for start in range(0, len(lines), STEP_ROWS):
            rows = self.rows(lines[start : start + STEP_ROWS])
            found[start : start + STEP_ROWS] = encoder.transform(rows)
        return found

    def rows(self, lines: list[str]) -> pa.Table:
        """The feature columns of *lines*."""
        chunks = [
            self._decoder.decode(lines[start : start + CHUNK]).columns
            for start in range(0, len(lines), CHUNK)
        ]
        columns = {name: pa.concat_arrays([c[name] for c in chunks]) for name in chunks[0]}
        ids = columns["event.id"]
        times = columns["@timestamp"].cast(pa.timestamp("us", tz="UTC"))
        schema = pa.schema([*EVENT_COLUMNS, *(pa.field(n, pa.string()) for n in self._fields)])
        arrays = [ids, ids, times, times, *(columns[name] for name in self._fields)]
        return self._features.rows(
            EventBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        ).table


def by_json_normalize(lines: list[str], encoder: Encoder) -> Matrix:
    """The usual way: a dictionary per event, one frame, a column at a time."""
    frame = pd.json_normalize([json.loads(line) for line in lines])
    found = np.empty((len(frame), len(PLAN.features)), dtype=np.float32)
    for i, feature in enumerate(PLAN.event_features):
        column = frame.get(feature.field)
        match feature.kind:
            case "number":
                values = pd.to_numeric(column, errors="coerce")
            case "category":
                if feature.field == "event.category":
                    column = column.str[0]
                values = column.map(encoder.vocabularies[feature.name]).fillna(0.0)
            case "length":
                values = column.str.len()
            case "digits":
                values = column.str.count(r"\d")
            case "ratio":
                values = column / frame[feature.divisor].replace(0, np.nan)
            case "hour_of_day":
                values = pd.to_datetime(frame["@timestamp"], utc=True).dt.hour
            case _:
                values = column.str.startswith(PRIVATE)
        found[:, i] = values.to_numpy(dtype=np.float64)
    return found


def scorer_of(encoder: Encoder, matrix: Matrix, truth: NDArray[np.int8]) -> Scorer:
    """A scorer of `TREES` trees learnt on *matrix*."""
    lesson = Lesson(
        matrix=matrix, truth=truth, later_matrix=None, later_truth=None, rounds=TREES, seed=1,
        threads=1,
    )  # fmt: skip
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    fit = Fit(
        as_of=moment, encoder=encoder, model=fit_xgboost(lesson), threshold=0.5,
        risk_map=RiskMap((-5.0, 0.0, 5.0), (0.0, 47.0, 100.0)), keep_floor=0.1, metrics={},
        since=moment, until=moment, fit_rows=len(matrix), fit_positives=int(truth.sum()),
        threshold_rows=0, row_hash="0" * 64, parameters={}, bins=EQUAL_EDGES, cold_start=NOTHING,
    )  # fmt: skip
    return Scorer(artifact_of(DETECTOR, fit))


def paired(ours: Callable[[], Any], other: Callable[[], Any], rounds: int) -> dict[str, float]:
    """CPU seconds of both, in turn; the ratio is the other's time over ours, round by round."""
    times = [(_cpu(ours), _cpu(other)) for _ in range(rounds)]
    ratios = [theirs / mine for mine, theirs in times]
    return {
        "ours_s": statistics.median(mine for mine, _ in times),
        "other_s": statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def _cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure both claims and print a table, or JSON."""
    parser = argparse.ArgumentParser(description="JSON events to matrix and to scores.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines, truth = documents(arguments.events)
    ours = ByColumns()
    encoder = Encoder.fit(ours.rows(lines), truth, PLAN.features)
    matrix = ours.matrix(lines, encoder)
    if not np.allclose(matrix, by_json_normalize(lines, encoder), rtol=1e-6, equal_nan=True):
        sys.exit("the two ways do not make the same matrix")
    scorer = scorer_of(encoder, matrix, truth)
    model = scorer.artifact.model
    if not isinstance(model, TreeModel):
        raise TypeError("trees were asked for")
    found = {
        "JSON to matrix / json_normalize": paired(
            lambda: ours.matrix(lines, encoder),
            lambda: by_json_normalize(lines, encoder),
            arguments.rounds,
        ),
        "scoring step / inplace_predict": paired(
            lambda: scorer.score_matrix(matrix),
            lambda: model.booster.inplace_predict(matrix),
            arguments.rounds,
        ),
    }
    if arguments.json:
        size = sum(map(len, lines)) / len(lines)
        print(json.dumps({"events": len(lines), "bytes": size, "measured": found}, indent=2))
        return
    print(f"{len(lines):,} events, {len(PLAN.features)} features, {TREES} trees, one thread")
    print(f"{'':34}{'us/event':>9}{'other':>8}{'ratio':>7}{'least':>7}{'most':>7}")
    for name, row in found.items():
        each = [row[key] / len(lines) * 1e6 for key in ("ours_s", "other_s")]
        print(
            f"{name:34}{each[0]:>9.2f}{each[1]:>8.2f}{row['ratio']:>7.2f}{row['least']:>7.2f}"
            f"{row['most']:>7.2f}"
        )


if __name__ == "__main__":
    main()
