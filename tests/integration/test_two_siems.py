"""One detector, two SIEMs: the same file and events in Elasticsearch and in Splunk end alike.

Splunk is played by the simulator, so this shows what the two connectors make of the same events,
not what a real Splunk does. Every event reaches both within seconds of its own time: what is late
is late by each SIEM's own clock, and Splunk keeps whole seconds only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.connectors.doors.scores import ScoreQuery
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import EVENT_COLUMNS, TIME, Alert, EventBatch, LabelBatch, TimeWindow
from scoreback.service.app import App
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import read_training_data, train_detector
from tests.elasticsearch.connection import connected as elastic_connected
from tests.elasticsearch.connection import refresh, sample_index
from tests.splunkd.company import INDEX, CompanyConnector, CompanyIntake
from tests.splunkd.connection import simulated
from tests.splunkd.simulator import HEC_TOKEN, Simulator

pytestmark = pytest.mark.server
START = datetime(2026, 6, 1, tzinfo=UTC)
TRAINED, DAYS = 18, 22
FILES = Path(__file__).parents[2] / "examples" / "detectors"
CASES: tuple[tuple[StreamName, str], ...] = (
    ("alerts", "alert_triage.yml"),
    ("endpoint", "endpoint_threats.yml"),
)


@dataclass(frozen=True)
class Outcome:
    """What one SIEM ended up with."""

    features: pa.Table
    scores: dict[str, dict[str, Any]]  # by event
    alerts: list[Alert]


@pytest.fixture
def elastic(elasticsearch_url: str) -> Iterator[ElasticConnector]:
    with elastic_connected(elasticsearch_url, name="two", settle="0s") as connector:
        yield connector


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(now=START, delay=0) as found:
        found.add_index(INDEX)
        yield found


@pytest.fixture
def splunk(simulator: Simulator) -> Iterator[CompanyConnector]:
    connector = CompanyConnector.open(
        "two",
        {"url": simulator.url, "hec_url": simulator.hec_url, "user": "admin",
         "password": "changed!", "hec_token": HEC_TOKEN, "settle": "0s"},
    )  # fmt: skip
    connector.company = CompanyIntake(simulator, Verdicts(KvStore(connector.client)))
    for resource in connector.resources.wanted():
        connector.resources.apply(resource)
    yield connector
    connector.close_connection()


@pytest.mark.parametrize(("stream", "file"), CASES, ids=[file for _, file in CASES])
def test_one_file_gives_the_same_features_scores_and_alerts_in_both(
    stream: StreamName,
    file: str,
    elastic: ElasticConnector,
    elasticsearch_url: str,
    splunk: CompanyConnector,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    assert splunk.intake
    text = (FILES / file).read_text()
    local = f"  local: {{stream: {stream}}}\n"
    index, search = sample_index(elastic, stream), splunk.intake.selection(stream)
    assert local in text
    written = tmp_path / file
    written.write_text(
        text.replace(f"logs-scoreback_demo.{stream}-*", index).replace(
            local, f"  splunk: {{search: '{search['search']}', id: [{search['id']}]}}\n"
        )
    )
    detector = load_detector(written)
    assert set(detector.events) == {"elastic", "splunk"}

    def elastic_until(_: datetime) -> None:
        refresh(elasticsearch_url, f"*{elastic.given.namespace}*")

    def splunk_until(at: datetime) -> None:
        simulator.run_until(at.timestamp())

    one = played(elastic, "elastic", stream, detector, tmp_path / "elastic", elastic_until)
    other = played(splunk, "splunk", stream, detector, tmp_path / "splunk", splunk_until)

    assert one.features.num_rows > 1000
    assert one.features.equals(other.features)
    assert len(one.scores) > 10
    assert other.scores.keys() == one.scores.keys()
    for event, scored in one.scores.items():
        assert other.scores[event]["score"] == pytest.approx(scored["score"], abs=1e-6)
        assert other.scores[event]["alert"] == scored["alert"]
    assert one.alerts
    assert [comparable(a) for a in other.alerts] == [comparable(a) for a in one.alerts]


def played(
    connector: ElasticConnector | CompanyConnector,
    kind: str,
    stream: StreamName,
    detector: Detector,
    home: Path,
    until: Callable[[datetime], None],
) -> Outcome:
    """Load, train, promote and score in three runs, each followed by a look of the rules."""
    assert connector.intake
    company = Company(seed=7, start=START, days=DAYS, scale=0.5)
    for one in company.days(stream):
        connector.intake.add_events(stream, in_time(one.events))
    for batch in company.verdicts(stream).combine_chunks().to_batches():
        connector.intake.add_verdicts(LabelBatch(batch))
    settings = Settings(home=home, connector=kind, connection="two")
    with State.open(settings.state) as state:
        app = App(settings, connector, state)
        at = START + timedelta(days=TRAINED)
        until(at)
        data = read_training_data(app, detector, at)
        version = train_detector(app, detector, as_of=at, now=at).version.version
        champion = promote(app, detector, version, by="test", at=at)
        model = Model(version=champion, artifact=load_artifact(app, detector, champion))
        for days in (TRAINED + 1, TRAINED + 2, DAYS):
            now = START + timedelta(days=days)
            until(now)
            done = score(app, detector, model, now=now)
            assert not sum(published.refused for published in done.published)
            until(now + timedelta(minutes=30))
        ever = TimeWindow(since=START, until=START + timedelta(days=DAYS))
        asked = ScoreQuery(detector=detector.name, window=ever)
        scores = [row for batch in connector.scores.read(asked) for row in batch.batch.to_pylist()]
        alerts = sorted(connector.alerts.find(), key=lambda a: (a.event_time, a.event_id))
    rows = data.rows.drop_columns(["arrival_time"]).sort_by("event_id")
    return Outcome(rows.combine_chunks(), {row["event_id"]: row for row in scores}, alerts)


def in_time(events: pa.Table) -> EventBatch:
    """*events* with refs, each there at the whole second that follows its own time."""
    happened = pc.ceil_temporal(events["event_time"], unit="second").cast(TIME)
    place = events.schema.get_field_index("arrival_time")
    table = events.set_column(place, "arrival_time", happened)
    table = table.add_column(1, "event_ref", table["event_id"])
    fields = [f for f in events.schema if f.name not in EVENT_COLUMNS.names]
    schema = pa.schema([*EVENT_COLUMNS, *fields])
    return EventBatch(table.select(schema.names).cast(schema).combine_chunks().to_batches()[0])


def comparable(alert: Alert) -> Alert:
    """What must be the same of an alert.

    Its id is the SIEM's own matter, and so is the minute at which a rule looked.
    """
    return replace(
        alert,
        alert_id="",
        raised_at=START,
        risk=round(alert.risk, 6),
        score=round(alert.score, 6),
    )
