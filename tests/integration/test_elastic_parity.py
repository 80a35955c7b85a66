"""The embedded SIEM and Elasticsearch: the same events give the same model, scores and alerts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.storage.segments import listed
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import (
    EVENT_COLUMNS,
    LABEL_COLUMNS,
    Alert,
    EventBatch,
    LabelBatch,
    TimeWindow,
)
from scoreback.service.app import App
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.elasticsearch.connection import connected, refresh, sample_index

pytestmark = pytest.mark.server
START = datetime(2026, 6, 1, tzinfo=UTC)
TRAINED, DAYS = 18, 22
FILES = Path(__file__).parents[2] / "examples" / "detectors"


@dataclass(frozen=True)
class Outcome:
    """What one SIEM ended up with."""

    artifact: str
    scores: dict[str, tuple[float, float, bool]]  # id → score, risk, alert
    alerts: list[Alert]
    counted: int


@pytest.fixture(params=DETECTORS, ids=[file for _, file in DETECTORS])
def case(request: pytest.FixtureRequest) -> tuple[StreamName, Detector]:
    stream, file = request.param
    return stream, load_detector(FILES / file)


@pytest.fixture
def elastic(elasticsearch_url: str) -> Iterator[ElasticConnector]:
    with connected(elasticsearch_url, name="parity", settle="PT0S") as connector:
        yield connector


def test_the_example_detectors_end_alike_on_both(
    case: tuple[StreamName, Detector], elastic: ElasticConnector, elasticsearch_url: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    stream, detector = case
    local = LocalConnector.open("parity", {"path": str(tmp_path / "siem")})
    here = played(local, "local", stream, detector, tmp_path / "local")
    selection = {"elastic": {"index": sample_index(elastic, stream)}}
    there = detector.model_copy(update={"events": selection})
    away = played(elastic, "elastic", stream, there, tmp_path / "elastic")
    refresh(elasticsearch_url, f"scoreback*{elastic.given.namespace}*")

    embedded = Outcome(
        here, scores_of_local(local), list(local.alerts.find()), counted_locally(local)
    )
    real = Outcome(away, scores_of_elastic(elastic), list(elastic.alerts.find()), counted(elastic))

    assert len(embedded.scores) > 10
    assert embedded.alerts
    assert real.artifact == embedded.artifact
    assert real.scores == embedded.scores
    assert [comparable(a) for a in real.alerts] == [comparable(a) for a in embedded.alerts]
    assert real.counted == embedded.counted


def played(
    connector: LocalConnector | ElasticConnector,
    kind: str,
    stream: StreamName,
    detector: Detector,
    home: Path,
) -> str:
    """Load, train, promote and score in three runs; the artefact's hash."""
    company = Company(seed=7, start=START, days=DAYS)
    for one in company.days(stream):
        connector.intake.add_events(stream, with_refs(one.events))
    verdicts = company.verdicts(stream).cast(LABEL_COLUMNS).combine_chunks()
    for batch in verdicts.to_batches():  # none for a detector whose labels come from a field
        connector.intake.add_verdicts(LabelBatch(batch))
    settings = Settings(home=home, connector=kind, connection="parity")
    with State.open(settings.state) as state:
        app = App(settings, connector, state)
        at = START + timedelta(days=TRAINED)
        outcome = train_detector(app, detector, as_of=at, now=at)
        champion = promote(app, detector, outcome.version.version, by="test", at=at)
        model = Model(version=champion, artifact=load_artifact(app, detector, champion))
        for days in (TRAINED + 1, TRAINED + 2, DAYS):
            done = score(app, detector, model, now=START + timedelta(days=days))
            assert not sum(published.refused for published in done.published)
    return champion.artifact_hash


def with_refs(events: pa.Table) -> EventBatch:
    fields = [f for f in events.schema if f.name not in EVENT_COLUMNS.names]
    table = events.add_column(1, "event_ref", events["event_id"])
    schema = pa.schema([*EVENT_COLUMNS, *fields])
    return EventBatch(table.select(schema.names).cast(schema).combine_chunks().to_batches()[0])


def scores_of_local(siem: LocalConnector) -> dict[str, tuple[float, float, bool]]:
    with siem.store.ledger.reading() as transaction:
        segments = listed(transaction, "scores")
    tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
    rows = pa.concat_tables(tables, promote_options="default").to_pylist()
    return {r["score_id"]: (r["score"], r["risk"], r["alert"]) for r in rows}


def scores_of_elastic(siem: ElasticConnector) -> dict[str, tuple[float, float, bool]]:
    found = hits(siem, f"scoreback.scores-{siem.given.namespace}")
    return {
        s["_id"]: (s["scoreback.score"], s["event.risk_score"], s["scoreback.alert"]) for s in found
    }


def counted_locally(siem: LocalConnector) -> int:
    names = {d.removesuffix(".yml") for _, d in DETECTORS}
    ever = TimeWindow(since=START, until=START + timedelta(days=DAYS))
    found = (h for name in names for h in siem.scores.histograms(name, ever))
    return sum(sum(c) for h in found for c in h.counts.values())


def counted(siem: ElasticConnector) -> int:
    found = hits(siem, f"scoreback.health-{siem.given.namespace}")
    return sum(source["scoreback.histogram.scored"] for source in found)


def hits(siem: ElasticConnector, index: str) -> list[dict[str, Any]]:
    answer = siem.client.call("POST", f"/{index}/_search", {"size": 10_000})
    return [flat(hit["_source"]) | {"_id": hit["_id"]} for hit in answer["hits"]["hits"]]


def comparable(alert: Alert) -> Alert:
    """Risk travels as JSON and in Parquet; it is the same to more digits than anyone reads."""
    return replace(alert, risk=round(alert.risk, 9), score=round(alert.score, 12))
