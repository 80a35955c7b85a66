"""A week of the simulated company as dashboards see it: scores, alerts with verdicts, health.

Two detectors learn for 25 days, then score for six and a half, watched and judged as they go: twice
a day at first, hourly on the last day, so that the threshold's way through a day is there. On the
way one gets a shadow, which the gate compares, and a flood of verdicts; the other a new version
that somebody takes back. Audits are shown and judged.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from filelock import FileLock

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.connectors.splunk import SplunkConnector
from scoreback.health import HealthDocument, fields_of, health_document
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Accept, Detector
from scoreback.records import LABEL_COLUMNS, Alert, LabelBatch, ScoreBatch, TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import FILES
from scoreback.service.deploying.promotion import promote
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.in_force.change import change
from scoreback.service.labels.harvest import harvest
from scoreback.service.monitoring.monitor import monitor
from scoreback.service.recalling.rollback import roll_back
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import train_detector
from tests.integration.conftest import with_refs
from tests.integration.embedded import siem_of
from tests.splunkd.simulator import HEC_TOKEN, Simulator

START = datetime(2026, 6, 1, tzinfo=UTC)
KEPT = "SCOREBACK_TEST_WEEK"
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
TRAINED = START + 25 * DAY
NOW = START + 31 * DAY + 15 * HOUR  # an afternoon: the day's budget is partly used
STREAMS: tuple[tuple[StreamName, str], ...] = (
    ("alerts", "alert_triage.yml"), ("endpoint", "endpoint_threats.yml"),
)  # fmt: skip
# So that a week is enough to see it.
SET = {"alerts.audit": "4/day", "gate.shadow": "2d", "gate.explore": "30%"}
LEARNT_AGAIN = TRAINED + 2 * DAY
TAKEN_BACK = NOW - 20 * HOUR
FLOODED = NOW - 5 * HOUR
FLOOD = 130  # verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What happened, at `NOW`."""

    scores: list[ScoreBatch]
    alerts: list[Alert]
    health: list[HealthDocument]


def week_of_this_run(folders: pytest.TempPathFactory) -> Week:
    """The week, played once for all tests of a run, whichever process they are in.

    Where the environment names a folder, it is kept there for the next runs.
    """
    base = folders.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "demo-week"
    return week_in(Path(os.environ.get(KEPT, shared)))


def week_in(folder: Path) -> Week:
    """The week that is kept in *folder*; it is played and kept there if it is not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            with TemporaryDirectory() as home:
                _keep(played(Path(home) / "home"), folder)
    return _kept(folder)


def _keep(week: Week, folder: Path) -> None:
    """Write *week* to *folder*, which appears when it is whole."""
    making = folder.with_suffix(".making")
    making.mkdir()
    for number, scores in enumerate(week.scores):
        with ipc.new_file(making / f"scores-{number:04}.arrow", scores.batch.schema) as file:
            file.write_batch(scores.batch)
    (making / "alerts.json").write_bytes(msgspec.json.encode(week.alerts))
    health = [fields_of(document) for document in week.health]
    (making / "health.json").write_bytes(msgspec.json.encode(health))
    making.rename(folder)


def _kept(folder: Path) -> Week:
    scores = []
    for path in sorted(folder.glob("scores-*.arrow")):
        with ipc.open_file(path) as file:
            scores += [ScoreBatch(file.get_batch(i)) for i in range(file.num_record_batches)]
    alerts = msgspec.json.decode((folder / "alerts.json").read_bytes(), type=list[Alert])
    health = msgspec.json.decode((folder / "health.json").read_bytes())
    return Week(scores=scores, alerts=alerts, health=[health_document(one) for one in health])


def played(home: Path) -> Week:
    """Play the week in a new workspace at *home*."""
    company = Company(seed=7, start=START, days=32)
    scores: list[ScoreBatch] = []
    alerts: list[Alert] = []
    health: list[HealthDocument] = []
    with opened(Settings(home=home)) as app:
        for stream, file in STREAMS:
            detector = load_detector(FILES / file)
            _learn(app, company, stream, detector)
            due = _due(stream)
            for now in _looks():
                score_live(app, detector, now=now)
                _close(app, company, stream, detector, now)
                for happens in [at for at in due if at <= now]:
                    due.pop(happens)(app, detector, now)
                run_gate(app, detector, now=now)
                health += monitor(app, detector, now=now)
            query = ScoreQuery(
                detector=detector.name, window=TimeWindow(since=START, until=NOW + DAY)
            )
            scores += app.connector.scores.read(query)
            alerts += siem_of(app).alerts.find(AlertQuery(detector=detector.name))
    return Week(scores=scores, alerts=alerts, health=health)


def _due(stream: StreamName) -> dict[datetime, Callable[[App, Detector, datetime], None]]:
    """What happens to the detector of *stream* on the way, by when."""
    if stream == "alerts":
        return {LEARNT_AGAIN: _shadowed, FLOODED: _flooded}
    return {LEARNT_AGAIN: _replaced, TAKEN_BACK: _taken_back}


def _shadowed(app: App, detector: Detector, now: datetime) -> None:
    outcome = train_detector(app, detector, as_of=now, now=now)
    Versions(app.state).shadow(detector.name, outcome.version.version, by="dana", at=now)
    reconcile(app, detector, at=now)  # as `serve` does: from here on explored units are shown


def _replaced(app: App, detector: Detector, now: datetime) -> None:
    """By a version that learnt to alert on what is allowed, too."""
    key, value = "labels.benign_positive", "positive"
    change(app, detector, key, value, author="eve", reason="why not", at=now)
    careless = {"train": detector.train.model_copy(update={"accept": Accept(equal_to_rule=True)})}
    outcome = train_detector(app, detector.model_copy(update=careless), as_of=now, now=now)
    change(app, detector, key, None, author="dana", reason="that is why", at=now + SECOND)
    promote(app, detector, outcome.version.version, by="eve", at=now)


def _taken_back(app: App, detector: Detector, now: datetime) -> None:
    roll_back(app, detector, by="dana", at=now)


def _flooded(app: App, detector: Detector, now: datetime) -> None:
    """One person closes as false whatever was there, within the hour."""
    events = [
        event
        for piece in app.connector.events.slices(
            app.query(detector), TimeWindow(since=now - DAY, until=now)
        )
        for batch in app.connector.events.read(piece)
        for event in batch.batch["event_id"].to_pylist()
    ][:FLOOD]
    rows = [
        {
            "event_id": event, "verdict": "false_positive", "label_time": now + n * SECOND,
            "labeller": "eve", "source": "verdict", "alert_id": f"of-{event}", "withdrawn": False,
        }
        for n, event in enumerate(events, start=-len(events))
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=LABEL_COLUMNS).combine_chunks()
    siem_of(app).intake.add_verdicts(LabelBatch(table.to_batches()[0]))
    harvest(app, detector, now=now)


def _looks() -> Iterator[datetime]:
    now = TRAINED
    while now < NOW:
        now += HOUR if now >= NOW - DAY else 12 * HOUR
        yield min(now, NOW)


def _learn(app: App, company: Company, stream: StreamName, detector: Detector) -> None:
    intake = siem_of(app).intake
    for day in company.days(stream):
        intake.add_events(stream, with_refs(day.events))
    verdicts = company.verdicts(stream).cast(LABEL_COLUMNS).combine_chunks()
    intake.add_verdicts(LabelBatch(verdicts.to_batches()[0]))
    outcome = train_detector(app, detector, as_of=TRAINED, now=TRAINED)
    for key, value in SET.items():
        change(app, detector, key, value, author="dana", reason="a short week", at=TRAINED)
    promote(app, detector, outcome.version.version, by="demo", at=TRAINED)


def _close(
    app: App, company: Company, stream: StreamName, detector: Detector, now: datetime
) -> None:
    """Analysts close what they have had time for."""
    door, analysts = siem_of(app).alerts, company.analysts(stream)
    for alert in list(door.find(AlertQuery(detector=detector.name, still_open=True))):
        closing = analysts.verdict_for(alert.event_id, shown_at=alert.raised_at)
        if closing is not None and closing.label_time <= now:
            door.close(
                alert.alert_id, closing.verdict, labeller=closing.labeller, at=closing.label_time
            )


def told(splunk: Simulator, week: Week) -> None:
    """Put the *week* into a Splunk, through our own connector; its alerts as the app keeps them."""
    given = {
        "url": splunk.url,
        "hec_url": splunk.hec_url,
        "user": "admin",
        "password": "changed!",
        "hec_token": HEC_TOKEN,
        "settle": "PT0S",
    }
    connector = SplunkConnector.open("splunk", given)
    try:
        for batch in week.scores:
            connector.scores.write(batch, at=NOW)
        connector.health.write(week.health)
    finally:
        connector.close_connection()
    for alert in week.alerts:
        splunk.head.kv.put("scoreback", "scoreback_alerts", _row(alert))
    for batch in week.scores:
        for score_id, event_id in zip(*(batch.batch[n].to_pylist() for n in _IDS), strict=True):
            for alert in week.alerts:
                if alert.event_id == event_id:
                    hit = {"alert_id": alert.alert_id, "score_id": score_id, "_key": score_id}
                    splunk.head.kv.put("scoreback", "scoreback_alert_hits", hit)


_IDS = ("score_id", "event_id")


def _row(alert: Alert) -> dict[str, Any]:
    row: dict[str, Any] = {
        "_key": alert.alert_id,
        "alert_id": alert.alert_id,
        "detector": alert.detector,
        "entity": alert.entity,
        "event_id": alert.event_id,
        "status": "open" if alert.verdict is None else "closed",
        "tags": list(alert.tags),
    }
    return row if alert.verdict is None else row | {"verdict": alert.verdict.value}
