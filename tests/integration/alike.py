"""Three detectors that select the same events, alike in nothing else, on the embedded SIEM."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoreback.connectors.doors import EventsDoor, ScoresDoor, Slice
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.scores import RECEIVED
from scoreback.connectors.local.storage.segments import listed
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch, ScoreBatch, WriteReport
from scoreback.service.app import App, opened
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import LiveRun, score_live_together
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import train_detector
from tests.integration.embedded import siem_of

START = datetime(2026, 6, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TRAINED, END = START + 12 * DAY, START + 15 * DAY
FIELDS = ("host.name", "rule.id", "network.bytes", "event.peak", "outcome")

FILE = """
name: {name}
events: {{local: {{stream: alerts}}}}
entity: host.name
labels: {{field: {{name: outcome, positive: bad, negative: good, delay: 2h}}, mature_after: 1d}}
train: {{algorithms: [xgboost], trials: 0}}
alerts: {{budget: 10/day, throttle: 10m}}
write: {{keep: {{top: 100%}}, copy_fields: [network.bytes]}}
"""
# Other lags, features, fields and reaches: so they start apart.
FILES = {
    "plain": """
lag: 5m
features: [number: network.bytes, number: event.peak, category: rule.id]
""",
    "slow": """
lag: 1h
features:
  - number: network.bytes
  - number: event.peak
  - {count: events, by: host.name, over: 1d}
  - {distinct: rule.id, by: host.name, over: 6h}
""",
    "grouped": """
unit:
  group: [host.name, rule.id]
  every: 10m
  fields: {network.bytes: sum, event.peak: max}
features:
  - number: network.bytes
  - number: event.peak
  - {count: events, by: host.name, over: 6h}
""",
}


def text_of(name: str) -> str:
    """The file of one of them."""
    return FILE.format(name=name) + FILES[name]


def detectors_of() -> list[Detector]:
    """All of them."""
    return [parse_detector(text_of(name)) for name in FILES]


def train_all(home: Path) -> None:
    """Load all events; train and promote each detector."""
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("alerts", events())
        for detector in detectors_of():
            version = train_detector(app, detector, as_of=TRAINED, now=TRAINED).version
            promote(app, detector, version.version, by="test", at=TRAINED)


def events() -> EventBatch:
    draw = np.random.default_rng(3)
    count = 4000
    begin = np.sort(draw.integers(0, 15 * 86_400, count))
    host, rule = draw.integers(0, 40, count), draw.integers(0, 8, count)
    volume, peak = draw.normal(size=count), draw.normal(size=count)
    bad = draw.random(count) < 1 / (1 + np.exp(5.0 - 4.0 * volume * peak))
    delay = draw.choice([0, 1, 60, 240, 2000, 9000], count, p=[0.5, 0.3, 0.1, 0.06, 0.02, 0.02])
    times = pa.array(START.timestamp() * 1e6 + begin * 1e6).cast(pa.int64()).cast(TIME)
    columns = [
        pa.array([f"e{i:06}" for i in range(count)]),
        pa.array(["alerts"] * count),
        times,
        pc.add(times, pa.array(delay * 1_000_000).cast(pa.duration("us"))),
        pa.array([f"h{h}" for h in host]),
        pa.array([f"r{r}" for r in rule]),
        pa.array([f"{v + 10:.4f}" for v in volume]),
        pa.array([f"{p:.4f}" for p in peak]),
        pa.array(["bad" if b else "good" for b in bad]),
    ]
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in FIELDS)])
    return EventBatch(pa.RecordBatch.from_arrays(columns, schema=schema))


class Watched:
    """The embedded SIEM, counting what is read of it and failing when it is asked to."""

    def __init__(self, siem: LocalConnector) -> None:
        self.siem = siem
        self.events, self.scores = _Events(self, siem.events), _Scores(self, siem.scores)
        self.read_ids: Counter[str] = Counter()
        self.reads: list[Slice] = []
        self.unavailable_after: int | None = None  # batches
        self.refuses: set[str] = set()  # scores of these detectors
        self.refuses_fields: set[str] = set()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a connector
        return getattr(self.siem, name)


class _Events:
    def __init__(self, watched: Watched, door: EventsDoor) -> None:
        self._watched, self._door = watched, door

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a door
        return getattr(self._door, name)

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        self._watched.reads.append(piece)
        for name in self._watched.refuses_fields.intersection(piece.query.fields):
            raise SiemRefused(f"no right to read {name} for a test")
        for number, batch in enumerate(self._door.read(piece)):
            if number == self._watched.unavailable_after:
                raise SiemUnavailable("gone for a test")
            self._watched.read_ids.update(batch.batch.column("event_id").to_pylist())
            yield batch


class _Scores:
    def __init__(self, watched: Watched, door: ScoresDoor) -> None:
        self._watched, self._door = watched, door

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a door
        return getattr(self._door, name)

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        if self._watched.refuses & set(scores.batch.column("detector").to_pylist()):
            raise SiemRefused("no right for a test")
        return self._door.write(scores, at=at)


def stored(app: App) -> pa.Table:
    siem = app.connector.siem if isinstance(app.connector, Watched) else siem_of(app)
    with siem.store.ledger.reading() as transaction:
        segments = listed(transaction, "scores")
    tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
    whole = pa.concat_tables(tables, promote_options="default")
    timeless = set(whole.column_names) - {"scored_at", RECEIVED}
    return whole.select(sorted(timeless)).sort_by("score_id")


@contextmanager
def watched(home: Path) -> Iterator[tuple[App, Watched]]:
    with opened(Settings(home=home)) as app:
        siem = Watched(app.connector)  # type: ignore[arg-type]  # the embedded one
        yield replace(app, connector=siem), siem  # type: ignore[arg-type]  # by delegation


def together(
    app: App,
    detectors: Sequence[Detector],
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> dict[str, LiveRun]:
    found = score_live_together(app, detectors, now=now, progress=progress)
    return {run.detector.name: run for run in found}


def errors(found: dict[str, LiveRun]) -> dict[str, Exception]:
    return {n: run.outcome.error for n, run in found.items() if run.outcome.error is not None}
