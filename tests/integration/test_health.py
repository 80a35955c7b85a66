"""How a detector is doing, from its runs and verdicts to the SIEM, its alerts and a person."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local.rule_engine.rules import Rules
from scoreback.deployment import Found
from scoreback.errors import SiemUnavailable
from scoreback.health import OWN, Condition, HealthDocument, Kind
from scoreback.models.detector.day_start import DayStart
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow, Verdict
from scoreback.service.app import App, opened
from scoreback.service.cli import app as command_line
from scoreback.service.deploying.health_rules import reconcile_health
from scoreback.service.monitoring.monitor import health_of, monitor
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.jobs import Jobs
from scoreback.service.settings import Settings
from scoreback.service.state.runs import end_run, runs, start_run
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop
from scoreback.service.training.train_job import read_training_data
from tests.integration.embedded import champion_of, score_until, siem_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def app(workspace: Path, detector: Detector, end: datetime) -> Iterator[App]:
    """A workspace that has scored all days."""
    with opened(Settings(home=workspace)) as opened_app:
        score_until(opened_app, detector, end)
        yield opened_app


def figures(documents: list[HealthDocument], kind: Kind, subject: str = "") -> dict[str, object]:
    (found,) = [d for d in documents if d.kind is kind and d.subject == subject]
    return dict(found.figures)


def alerts_about(app: App) -> list[tuple[str, str | None]]:
    found = siem_of(app).alerts.find(AlertQuery(detector=OWN))
    return [(alert.rule, alert.entity) for alert in found]


def test_a_sound_detector_is_told_with_all_its_figures_and_raises_nothing(
    app: App, detector: Detector, end: datetime
) -> None:
    documents = monitor(app, detector, now=end)
    # How scores are spread is told of what comes from now on: all these days were one catch-up.
    assert {d.kind for d in documents} == set(Kind) - {Kind.GATE, Kind.RECALL, Kind.SPREAD}
    assert figures(documents, Kind.SCORES)["at_home"] == 1
    features = [d.subject for d in documents if d.kind is Kind.FEATURE]
    assert features == [feature.name for feature in detector.features]
    run = figures(documents, Kind.RUN, "score")
    assert run["status"] == "done"
    assert run["seconds"] > 0  # type: ignore[operator]  # a number
    door = siem_of(app).health
    stored = list(door.read(detector.name, TimeWindow(since=end, until=end + HOUR)))
    assert {d.health_id for d in stored} == {d.health_id for d in documents}
    assert monitor(app, detector, now=end) == documents
    assert len(list(door.read(detector.name, TimeWindow(since=end, until=end + HOUR)))) == len(
        stored
    )


def test_precision_is_what_analysts_said_of_the_alerts(
    app: App, detector: Detector, end: datetime
) -> None:
    door = siem_of(app).alerts
    alerts = list(door.find(AlertQuery(detector=detector.name)))
    assert len(alerts) >= 4
    for alert, verdict in zip(alerts[:3], ["true_positive", "false_positive", "undetermined"],
                              strict=True):  # fmt: skip
        door.close(alert.alert_id, Verdict(verdict), labeller="ann", at=end)
    later = end + detector.labels.mature_after
    found = figures(health_of(app, detector, now=later), Kind.PRECISION)
    assert (found["true_positives"], found["false_positives"], found["undetermined"]) == (1, 1, 1)
    assert (found["labelled"], found["alerts"]) == (2, len(alerts))
    assert found["realised"] == 0.5
    assert found["promised"] == champion_of(app, detector).metrics["precision"]
    backlog = figures(health_of(app, detector, now=later), Kind.LABELS)
    assert backlog["open_alerts"] == len(alerts) - 3
    assert backlog["newest_label"] == end


def test_alerts_of_today_are_those_since_the_teams_day_began(
    app: App, detector: Detector, end: datetime
) -> None:
    times = [a.event_time for a in siem_of(app).alerts.find(AlertQuery(detector=detector.name))]
    at_six = detector.alerts.model_copy(update={"day_starts": DayStart(time(6), "Europe/Berlin")})
    later = detector.model_copy(update={"alerts": at_six})
    for one, began in ((detector, end - DAY), (later, end - 20 * HOUR)):
        found = figures(health_of(app, one, now=end - HOUR), Kind.ALERTS)
        assert found["today_since"] == began
        assert found["today"] == sum(began <= t for t in times) > 0


def test_a_month_of_silence_is_told_and_is_over_on_the_first_day_after_it(
    app: App, detector: Detector, end: datetime
) -> None:
    reconcile_health(app, at=end)
    silent = end + 30 * DAY
    documents = monitor(app, detector, now=silent)
    assert figures(documents, Kind.STATUS)["stale"] == 1
    assert ("health.stale", detector.name) in alerts_about(app)
    alerts = figures(documents, Kind.ALERTS)
    assert (alerts["per_day"], alerts["days_over_budget"]) == (0, 0)
    score_until(app, detector, silent)  # nothing came; it was read all the same
    after = figures(monitor(app, detector, now=silent + HOUR), Kind.STATUS)
    assert "events have not been read" not in str(after["why"])
    assert "the newest event is" in str(after["why"])
    for hour in range(3):  # an alert a day, however often it is looked at
        monitor(app, detector, now=silent + hour * HOUR)
    assert alerts_about(app).count(("health.stale", detector.name)) == 1


def test_runs_that_fail_again_and_again_raise_an_alert_that_is_no_label(
    app: App, detector: Detector, end: datetime
) -> None:
    reconcile_health(app, at=end)
    for _ in range(3):
        run = start_run(app.state, detector.name, "score", end)
        end_run(app.state, run, "failed", end, error="no right to read")
    monitor(app, detector, now=end)
    (alert,) = siem_of(app).alerts.find(AlertQuery(detector=OWN))
    assert (alert.rule, alert.entity) == ("health.failing", detector.name)
    assert "the last 3 runs of score failed: no right to read" in alert.reasons
    assert "docs/runbook/failing.md" in alert.reasons
    own = figures(health_of(app, detector, now=end + DAY), Kind.ALERTS)
    before = read_training_data(app, detector, end, now=end).labels
    closed = siem_of(app).alerts.close(
        alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=end
    )
    assert closed.verdict == Verdict.TRUE_POSITIVE
    after = read_training_data(app, detector, end + DAY, now=end + DAY).labels
    assert "health.failing" not in after["rule"].to_pylist()
    assert after.num_rows == before.num_rows
    assert figures(health_of(app, detector, now=end + DAY), Kind.ALERTS) == own


def test_the_command_prints_a_table_or_documents_and_ends_with_3_where_something_is_wrong(
    app: App, file: Path, end: datetime
) -> None:
    workspace = app.settings.home
    arguments = ["health", str(file), "--home", str(workspace), "--at"]
    sound = CliRunner().invoke(command_line, [*arguments, end.isoformat()])
    assert (sound.exit_code, "ok" in sound.stdout) == (0, True), sound.output
    late = (end + 9 * DAY).isoformat()
    silent = CliRunner().invoke(command_line, [*arguments, late, "--json"])
    assert silent.exit_code == 3
    (documents,) = json.loads(silent.stdout).values()
    assert documents[0]["scoreback.health.status.stale"] == 1
    assert {d["event.dataset"] for d in documents} == {"scoreback.health"}


def test_serve_tells_the_siem_puts_the_rules_there_and_keeps_a_list_of_its_looks(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    settings = Settings(home=workspace)
    with State.open(settings.state) as state:
        jobs = Jobs(settings, state, Stop(), lambda: end)
        jobs.serve({detector.name: Served(Path("x.yml"), detector)})
        jobs.run("score", detector.name)
        jobs.run("monitor", detector.name)
        (run,) = runs(state, detector.name, kind="monitor")
        with opened(settings, state=state) as app:
            door = siem_of(app).health
            told = list(door.read(detector.name, TimeWindow(since=end, until=end + HOUR)))
            rules = [siem_of(app).rules.current(f"health.{one}") for one in Condition]
    assert run.status == "done"
    assert run.counts["documents"] == len(told) > len(Kind)
    assert all(rule is not None and rule.notes.startswith("docs/runbook/") for rule in rules)


def test_rules_that_are_out_of_reach_keep_nobody_from_telling_how_detectors_do(
    workspace: Path,
    detector: Detector,
    end: datetime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(*_args: object) -> Found:
        raise SiemUnavailable("Kibana does not answer", hint="is it up?")

    monkeypatch.setattr(Rules, "standing", down)
    settings = Settings(home=workspace)
    with State.open(settings.state) as state:
        jobs = Jobs(settings, state, Stop(), lambda: end)
        jobs.serve({detector.name: Served(Path("x.yml"), detector)})
        jobs.run("score", detector.name)
        jobs.run("monitor", detector.name)
        (run,) = runs(state, detector.name, kind="monitor")
    assert run.status == "done"
    assert run.counts["documents"] > len(Kind)
    assert "the health rules stay as they are: Kibana does not answer" in caplog.text


def test_a_detector_that_does_not_score_yet_has_no_health(tmp_path: Path, file: Path) -> None:
    home = tmp_path / "empty"
    done = CliRunner().invoke(command_line, ["health", str(file), "--home", str(home)])
    assert done.exit_code == 3
    assert "no version scores" in done.stdout
    assert "Figures" not in done.stdout
