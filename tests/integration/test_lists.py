"""Fields with several values through the whole loop: loaded, learnt from, scored, written back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.doors.intake import LoadMapping
from scoreback.connectors.local import LocalConnector, open_enriched
from scoreback.connectors.local.loading.load import load_file
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.multivalue import MARK
from scoreback.service.app import App, opened
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.detectors.check_job import check_detector
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import read_training_data, train_detector

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, TRAINED = 24, 20
DETECTOR = """
name: lists
events: {local: {stream: s}}
entity: host.ip
labels:
  field: {name: outcome, positive: [bad], negative: [good], delay: 1h}
  mature_after: 1d
features:
  - ngrams: process.args
  - category: event.category
  - {number: answers.ttl, take: max}
  - {number: answers.ttl, name: first ttl}
  - {distinct: answers.data, by: host.ip, over: 1d}
  - {rarity: event.category, by: host.ip, over: 7d}
  - {count: events, by: event.category, over: 1h}
train: {algorithms: [xgboost]}
alerts: {budget: 5/day}
write: {keep: {top: 100%}, copy_fields: [process.args, answers.data]}
"""


def history() -> list[dict[str, Any]]:
    """Bad are commands with an argument further back, and names with many addresses."""
    draw = np.random.default_rng(5)
    found = []
    for n in range(2400):
        bad = draw.random() < 0.06
        args = ["tool.exe", "-q", f"job{draw.integers(0, 50)}"]
        if bad:
            args[1:1] = ["-enc", f"SGVsbG8{draw.integers(0, 9999)}"]
        addresses = draw.integers(0, 200, 4 if bad else 1).tolist()
        host = int(draw.integers(0, 40))
        moment = START + timedelta(days=DAYS * n / 2400)
        found.append(
            {
                "time": moment.isoformat(),
                "id": f"e{n:05}",
                "host": {"ip": [f"10.0.0.{host}", f"fe80::{host}"]},
                "process": {"args": args},
                "event.category": ["process", "network"] if host % 2 else ["process"],
                "answers": [{"data": f"8.8.0.{a}", "ttl": int(a) + 60} for a in addresses],
                "outcome": ["seen", "bad"] if bad else "good",
            }
        )
    return found


@pytest.fixture(scope="module")
def detector() -> Detector:
    return parse_detector(DETECTOR)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Path:
    """A workspace that has learnt from lists and scored the days since."""
    folder = tmp_path_factory.mktemp("lists")
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in history()))
    with opened(Settings(home=folder / "home")) as app:
        mapping = LoadMapping(time="time", id="id")
        assert load_file(embedded(app).store, path, "s", mapping).loaded == 2400
        trained = START + timedelta(days=TRAINED)
        outcome = train_detector(app, detector, as_of=trained, now=trained)
        promote(app, detector, outcome.version.version, by="test", at=trained)
        score_live(app, detector, now=START + timedelta(days=22, hours=3))
        score_live(app, detector, now=START + timedelta(days=DAYS + 1))
    return folder / "home"


def embedded(app: App) -> LocalConnector:
    siem: LocalConnector = app.connector  # type: ignore[assignment]  # the embedded one
    return siem


def test_what_stands_further_back_in_a_list_is_found(home: Path) -> None:
    bad = {event["id"] for event in history() if "-enc" in event["process"]["args"]}
    with opened(Settings(home=home)) as app:
        alerts = list(embedded(app).alerts.find(AlertQuery(detector="lists")))
    assert len(alerts) > 5
    assert sum(alert.event_id in bad for alert in alerts) > 0.7 * len(alerts)
    assert {str(alert.entity)[:7] for alert in alerts} == {"10.0.0."}


def test_lists_mean_the_same_in_training_and_in_scoring(home: Path, detector: Detector) -> None:
    end = START + timedelta(days=DAYS + 1)
    with opened(Settings(home=home)) as app:
        learnt = read_training_data(app, detector, end).rows
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        again = Scorer(load_artifact(app, detector, champion)).score(learnt)
        with open_enriched(embedded(app).store, "s") as db:
            found = db.sql('SELECT event_id, "scoreback.score" FROM events_enriched').fetchall()
    by_id = dict(zip(learnt["event_id"].to_pylist(), again.scores.tolist(), strict=True))
    scored = {event: score for event, score in found if score is not None}
    assert len(scored) > 300
    assert scored == {event: by_id[event] for event in scored}


def test_people_read_lists_as_text(home: Path) -> None:
    with opened(Settings(home=home)) as app, open_enriched(embedded(app).store, "s") as db:
        shown = db.sql("SELECT * FROM events_enriched WHERE event_id = 'e00000'").to_arrow_table()
        (row,) = shown.to_pylist()
    assert row["process.args"] == ", ".join(history()[0]["process"]["args"])
    assert row["host.ip"] == ", ".join(history()[0]["host"]["ip"])
    siem_files = list((home / "siem").rglob("*.parquet"))
    scores = [path for path in siem_files if "scores" in path.parts]
    assert scores
    assert not any(MARK.encode() in path.read_bytes() for path in scores)


def test_check_counts_what_is_not_read(home: Path, detector: Detector) -> None:
    with opened(Settings(home=home)) as app:
        found = [f.what for f in check_detector(app, detector, START + timedelta(days=DAYS + 1))]
    assert (
        "2,400 of 2,400 events have several values in 'host.ip': the first is the entity" in found
    )
    (ttl,) = [what for what in found if "answers.ttl" in what]
    assert ttl.endswith("feature 'first ttl' reads the first")
