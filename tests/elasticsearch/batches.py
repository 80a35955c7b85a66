"""Scores and windows that the tests of a connector write and read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from scoreback.deployment import AlertRule
from scoreback.naming import score_id
from scoreback.records import SCORE_COLUMNS, Histogram, ScoreBatch, Severity, TimeWindow

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DETECTOR = "bad_days"
WINDOW = TimeWindow(since=START, until=START + DAY)
NOW = START + 2 * DAY


def ids(numbers: Sequence[int] | range, of: str = DETECTOR) -> list[str]:
    """The score ids of events by number, of the detector called *of*."""
    return [score_id(of, "v1-aa", "live", "test", f"e{n:05d}") for n in numbers]


def scores(
    numbers: Sequence[int] | range,
    *,
    of: str = DETECTOR,
    alert: bool = False,
    index: str = "events",
    **columns: Sequence[Any],
) -> ScoreBatch:
    """Scores of events by number, with other or more *columns* where they are given."""
    count = len(numbers)
    found: Mapping[str, Sequence[Any]] = {
        "score_id": ids(numbers, of),
        "event_id": [f"e{n:05d}" for n in numbers],
        "event_ref": [index] * count,
        "event_time": [START + timedelta(seconds=n) for n in numbers],
        "scored_at": [START + DAY] * count,
        "entity": [f"host-{n}" for n in numbers],
        "detector": [of] * count,
        "version": ["v1-aa"] * count,
        "stage": ["live"] * count,
        "score": [0.9 if alert else 0.1] * count,
        "risk": [90.0 if alert else 5.0] * count,
        "threshold": [0.5] * count,
        "alert": [alert] * count,
        "reasons": ['["it is a test"]' if alert else None] * count,
        "chance": [1.0 if alert else None] * count,
    }
    schema = SCORE_COLUMNS
    for name in columns:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    whole = {**found, **{name.replace("__", "."): values for name, values in columns.items()}}
    schema = pa.schema([field.with_name(field.name.replace("__", ".")) for field in schema])
    arrays = [pa.array(whole[field.name], field.type) for field in schema]
    return ScoreBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def rule(of: str = DETECTOR) -> AlertRule:
    """A rule over what `scores` gives with ``alert=True``."""
    return AlertRule(
        name=of,
        detector=of,
        version="v1-aa",
        per_entity=3,
        throttle=timedelta(hours=1),
        budget=20.0,
        severity=Severity.HIGH,
    )


def histogram(name: str = "h1") -> Histogram:
    """Counts of two hours."""
    hours = [(START + timedelta(hours=h)).isoformat() for h in range(2)]
    return Histogram(
        histogram_id=name,
        detector=DETECTOR,
        version="v1-aa",
        stage="live",
        since=START,
        until=START + DAY,
        edges=(0.25, 0.5, 0.75),
        counts={hour: [n + 1, 0, 2, 0] for n, hour in enumerate(hours)},
    )


def events(numbers: Sequence[int] | range, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Documents of events by number: one a second, arriving a second later."""
    return [
        {
            "_id": f"e{n:05d}",
            "@timestamp": (START + timedelta(seconds=n)).isoformat(),
            "event": {"ingested": (START + timedelta(seconds=n + 1)).isoformat()},
            "host": {"name": f"host-{n}"},
            **more,
        }
        for n in numbers
    ]


def event_ids(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of *rows*."""
    return [row["event_id"] for row in rows]
