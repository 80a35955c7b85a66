"""Real events in the cluster, as data streams in ECS shape, give what the embedded SIEM gives."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import Alert, EventQuery, TimeWindow
from scoreback.service.app import App, needed_fields
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.elasticsearch.connection import connected, refresh, sample_index
from tests.integration.test_elastic_parity import comparable, scores_of_elastic, scores_of_local
from tests.shared_data import DATA, require

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.server


@pytest.fixture(autouse=True, scope="module")
def _data() -> None:
    require(DATA)


FLOWS = {
    "source.ip": "src_ip", "destination.port": "dst_port", "network.transport": "proto",
    "network.protocol": "service", "event.duration": "duration", "source.bytes": "orig_bytes",
    "destination.bytes": "resp_bytes", "zeek.connection.state": "conn_state",
    "zeek.connection.history": "history", "source.packets": "orig_pkts",
    "destination.packets": "resp_pkts", "event.outcome_label": "label",
}  # fmt: skip
ALERTS = {
    "host.ip": "ip", "host.name": "host", "rule.id": "short", "rule.name": "name",
    "labels.attack_step": "event_label",
}  # fmt: skip


def flows(folder: Path) -> Path:
    del folder
    return DATA / "stratosphere-zeek-conn" / "train.csv.gz"


def alerts(folder: Path) -> Path:
    """Two networks, the second after the first, each row with an id and its network."""
    made = folder / "alerts.csv.gz"
    with gzip.open(made, "wt", newline="") as out:
        writer: Any = None
        for network in ("russellmitchell", "shaw"):
            with gzip.open(DATA / "ait-alerts" / f"{network}.csv.gz", "rt", newline="") as rows:
                for number, row in enumerate(csv.DictReader(rows)):
                    named = row | {"id": f"{network}-{number:06}", "network": network}
                    if writer is None:
                        writer = csv.DictWriter(out, named)
                        writer.writeheader()
                    writer.writerow(named)
    return made


CASES = [
    ("zeek", "zeek_conn", flows, LoadMapping(time="ts", id="uid", fields=FLOWS),
     datetime(2022, 6, 13, 22, tzinfo=UTC)),
    ("ait", "ait_alerts", alerts,
     LoadMapping(time="time", id="id", fields=ALERTS | {"labels.network": "network"}),
     datetime(2022, 1, 30, 12, tzinfo=UTC)),
]  # fmt: skip


@pytest.fixture
def elastic(elasticsearch_url: str) -> Iterator[ElasticConnector]:
    with connected(elasticsearch_url, name="real", settle="PT0S") as connector:
        yield connector


@pytest.mark.parametrize(("stream", "name", "file", "mapping", "trained"), CASES)
def test_real_events_score_alike_wherever_they_are(
    stream: str, name: str, file: Any, mapping: LoadMapping, trained: datetime,  # noqa: ANN401
    elastic: ElasticConnector, elasticsearch_url: str, tmp_path: Path,
) -> None:  # fmt: skip
    local = LocalConnector.open("real", {"path": str(tmp_path / "siem")})
    load_file(local.store, file(tmp_path), stream, mapping, lambda *_: None)
    detector = load_detector(ROOT / "benchmarks" / "detectors" / f"{name}.yml")
    train = detector.train.model_copy(update={"algorithms": ["xgboost", "logistic_regression"]})
    detector = detector.model_copy(update={"train": train})
    copied(local, elastic, stream, detector)
    until = last_arrival(local, stream, detector) + timedelta(days=1)

    here = scored(local, "local", detector, tmp_path / "here", trained, until)
    selection = {"elastic": {"index": sample_index(elastic, stream)}}
    there = detector.model_copy(update={"events": selection})
    away = scored(elastic, "elastic", there, tmp_path / "away", trained, until)
    refresh(elasticsearch_url, f"scoreback*{elastic.given.namespace}*")

    assert away == here
    found = scores_of_local(local)
    assert len(found) > 50
    assert scores_of_elastic(elastic) == found
    assert shown(elastic) == shown(local)


def shown(siem: LocalConnector | ElasticConnector) -> list[Alert]:
    return [replace(comparable(alert)) for alert in siem.alerts.find()]


WHOLE = TimeWindow(since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))


def copied(local: LocalConnector, elastic: ElasticConnector, stream: str, of: Detector) -> None:
    """Give the cluster the events of the embedded SIEM."""
    query = EventQuery(selection={"stream": stream}, fields=needed_fields(of))
    for piece in local.events.slices(query, WHOLE):
        for batch in local.events.read(piece):
            assert not elastic.intake.add_events(stream, batch).refused


def last_arrival(local: LocalConnector, stream: str, of: Detector) -> datetime:
    query = EventQuery(selection={"stream": stream}, fields=needed_fields(of)[:1])
    batches = [b for piece in local.events.slices(query, WHOLE) for b in local.events.read(piece)]
    last: datetime = batches[-1].batch["arrival_time"][-1].as_py()
    return last


def scored(
    siem: LocalConnector | ElasticConnector,
    kind: str,
    detector: Detector,
    home: Path,
    trained: datetime,
    until: datetime,
) -> tuple[str, dict[str, float], int]:
    """Train and score; the artefact's hash, the training's figures and how many were scored."""
    settings = Settings(home=home, connector=kind, connection="real")
    with State.open(settings.state) as state:
        app = App(settings, siem, state)
        outcome = train_detector(app, detector, as_of=trained, now=trained)
        champion = promote(app, detector, outcome.version.version, by="test", at=trained)
        model = Model(version=champion, artifact=load_artifact(app, detector, champion))
        done = score(app, detector, model, now=until)
        assert not sum(published.refused for published in done.published)
        return champion.artifact_hash, dict(champion.metrics), done.scored
