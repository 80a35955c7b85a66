from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.local import LocalConnector
from scoreback.records import SCORE_COLUMNS, TIME, EventBatch, ScoreBatch

START = datetime(2024, 3, 1, tzinfo=UTC)
Hit = tuple[int, str | None]  # minute of the event, entity

MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


@pytest.fixture
def make_events() -> MakeEvents:
    def events(numbers: Sequence[int], prefix: str = "e") -> EventBatch:
        """Event n arrives at minute n, with host h0 to h4."""
        times = pa.array([START + timedelta(minutes=n) for n in numbers], TIME)
        columns = {
            "event_id": pa.array([f"{prefix}{n}" for n in numbers]),
            "event_ref": pa.array(["" for _ in numbers]),
            "event_time": times,
            "arrival_time": times,
            "host.name": pa.array([f"h{n % 5}" for n in numbers]),
        }
        return EventBatch(pa.record_batch(columns))

    return events


@pytest.fixture
def make_scores() -> MakeScores:
    def scores(
        hits: Sequence[Hit],
        *,
        version: str = "v1-aa",
        score: float = 0.9,
        stage: str = "live",
        at: datetime = START,
        ref: str = "s",
    ) -> ScoreBatch:
        """One score an event, named after its minute and entity."""
        n = len(hits)
        columns = {
            "score_id": [f"{version}-{stage}-{minute}-{entity}" for minute, entity in hits],
            "event_id": [f"e{minute}" for minute, _entity in hits],
            "event_ref": [ref] * n,
            "event_time": [START + timedelta(minutes=minute) for minute, _entity in hits],
            "scored_at": [at] * n,
            "entity": [entity for _minute, entity in hits],
            "detector": ["d"] * n,
            "version": [version] * n,
            "stage": [stage] * n,
            "score": [score] * n,
            "risk": [score * 100] * n,
            "threshold": [0.5] * n,
            "alert": [score >= 0.5] * n,
            "reasons": ['["why"]'] * n,
            "chance": [1.0 if score >= 0.5 else None] * n,
        }
        arrays = [pa.array(columns[f.name], f.type) for f in SCORE_COLUMNS]
        return ScoreBatch(pa.RecordBatch.from_arrays(arrays, schema=SCORE_COLUMNS))

    return scores
