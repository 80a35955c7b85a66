"""A small simulated history for tests of training: two features that only tell together."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import Training, train
from scoreback.records import TIME, LabelBatch

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAY_US = 86_400_000_000


History = tuple[pa.Table, pa.Table, datetime]  # feature rows, labels, as of when
MakeDetector = Callable[..., Detector]
MakeHistory = Callable[..., History]
MakeLabels = Callable[..., pa.Table]


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _detector(**keys: object) -> Detector:
    given: dict[str, object] = {
        "name": "lab",
        "events": {"local": {"stream": "alerts"}},
        "entity": "host.name",
        "labels": {"verdicts": {"join": "event"}, "mature_after": "1d"},
        "features": [
            {"kind": "category", "field": "rule.id", "name": "rule.id"},
            {"kind": "number", "field": "network.bytes", "name": "network.bytes"},
            {"kind": "entropy", "field": "dns.question.name", "name": "entropy"},
            {"kind": "count", "field": None, "by": ["source.ip"], "over": "1h", "name": "count"},
        ],
        "train": {"algorithms": ["xgboost", "logistic_regression"]},  # the two quickest
        "alerts": {"budget": "5/day", "per_entity": "3/day", "throttle": "1h"},
    }
    return Detector.model_validate(given | keys)


def _labels(
    event_ids: list[str], verdicts: list[str], label_times: list[datetime] | pa.Array
) -> pa.Table:
    count = len(event_ids)
    given = {
        "event_id": pa.array(event_ids, pa.string()),
        "verdict": pa.array(verdicts, pa.string()),
        "label_time": pa.array(label_times, TIME),
        "labeller": pa.array(["ann"] * count, pa.string()),
        "source": pa.array(["verdict"] * count, pa.string()),
    }
    return pa.Table.from_batches([LabelBatch.of(given, count).batch])


def _history(
    *,
    seed: int = 0,
    events: int = 4000,
    days: int = 20,
    label_delay: timedelta | None = None,
    additive: bool = False,
) -> History:
    """Where *additive*, a line tells attacks apart, but no single feature does."""
    draw = np.random.default_rng(seed)
    times = np.sort(draw.integers(0, days * DAY_US, events)) + _microseconds(BEGIN)
    rule = draw.integers(0, 12, events)
    volume, entropy = draw.normal(size=events), draw.normal(size=events)
    odds = 3.0 * volume * entropy + 2.0 * np.isin(rule, [2, 3]) * np.sign(entropy) - 5.5
    if additive:
        odds = 2.5 * volume + 2.5 * entropy - 6.0
    true = draw.random(events) < 1 / (1 + np.exp(-odds))
    benign = draw.random(events) < 0.3
    volume[draw.random(events) < 0.05] = np.nan
    ids = [f"e{i:06d}" for i in range(events)]
    rows = pa.table(
        {
            "event_id": ids,
            "event_time": pa.array(times).cast(TIME),
            "arrival_time": pa.array(times + 2_000_000).cast(TIME),
            "entity": [f"host{i}" for i in draw.integers(0, 200, events)],
            "hold_out": [f"net{i}" for i in draw.integers(0, 3, events)],
            "rule.id": [f"r{i}" for i in rule],
            "network.bytes": pa.array(volume, from_pandas=True),
            "entropy": entropy,
            "count": draw.poisson(4, events).astype(np.float64),
        }
    )
    delay = draw.exponential(8 * 3.6e9, events).astype(np.int64)
    if label_delay is not None:
        delay[:] = label_delay // timedelta(microseconds=1)
    seen = np.flatnonzero(draw.random(events) < 0.9)
    verdicts = np.where(
        true, "true_positive", np.where(benign, "benign_positive", "false_positive")
    )
    labels = _labels(
        [ids[i] for i in seen],
        verdicts[seen].tolist(),
        pa.array((times + delay)[seen]).cast(TIME),
    )
    return rows, labels, BEGIN + timedelta(days=days)


@pytest.fixture(scope="session")
def make_detector() -> MakeDetector:
    return _detector


@pytest.fixture(scope="session")
def make_history() -> MakeHistory:
    return _history


@pytest.fixture(scope="session")
def make_labels() -> MakeLabels:
    return _labels


@pytest.fixture(scope="session")
def rows(make_history: MakeHistory) -> pa.Table:
    return make_history()[0]


@pytest.fixture(scope="session")
def training(make_history: MakeHistory) -> Training:
    rows, labels, as_of = make_history()
    return train(_detector(), rows.drop_columns(["hold_out"]), labels, as_of)
