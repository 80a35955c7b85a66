"""The closed loop over whatever SIEM: what a detector's owner and its analysts do within days."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from scoreback.connectors.doors import AlertQuery, AlertsDoor, Connector
from scoreback.connectors.elastic import ElasticConnector
from scoreback.deployment import Delivery
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import Alert, Verdict
from scoreback.service.app import App
from scoreback.service.demo.analysts import Closing
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.elasticsearch.connection import connected
from tests.integration.alike import HOUR, TRAINED, events, text_of
from tests.kibana import demo as kibana_demo
from tests.kibana.analysts import Team as KibanaTeam
from tests.kibana.fixtures import over
from tests.splunkd import demo as splunk_demo
from tests.splunkd.analysts import Team as SplunkTeam
from tests.splunkd.company import INDEX
from tests.splunkd.fixtures import APP
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options

NAME = "plain"
LOOK = timedelta(minutes=12)  # in which a rule of a SIEM has looked at what was scored
GATE = "gate: {shadow: 1d, min_verdicts: 5, approval: automatic}\n"


class Team(Protocol):
    """Analysts, and the time in which a SIEM does what it does by itself."""

    def until(self, at: datetime) -> None:
        """Let rules run until *at*, and analysts close what they meant to by then."""

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* when its analyst comes to it."""


@dataclass(frozen=True, slots=True)
class _AtOnce:
    """A SIEM whose rules are run by us: nothing happens by itself."""

    alerts: AlertsDoor

    def until(self, at: datetime) -> None:
        """Nothing happens."""

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* now."""
        self.alerts.close(
            alert.alert_id, closing.verdict, labeller=closing.labeller, at=closing.label_time
        )


class Loop:
    """A workspace over a SIEM, with a detector whose champion learnt what is good as bad."""

    def __init__(self, app: App, team: Team) -> None:
        """Load the events, train both versions, and let the sound one be a shadow."""
        self.app, self.team = app, team
        intake, door = app.connector.intake, app.connector.alerts
        assert intake is not None
        assert door is not None
        self.door = door
        resources = app.connector.resources
        if resources is not None:
            for resource in resources.wanted():
                resources.apply(resource)
        batch = events()
        intake.add_events("alerts", batch)
        columns = (batch.batch.column(name).to_pylist() for name in ("event_id", "outcome"))
        self._bad = {name for name, outcome in zip(*columns, strict=True) if outcome == "bad"}
        self.detector = self._detector()
        team.until(TRAINED)
        self.wrong = self._train(self._detector(upside_down=True))
        promote(app, self.detector, self.wrong, by="ann", at=TRAINED)
        self.sound = self._train(self.detector)
        Versions(app.state).shadow(NAME, self.sound, by="ann", at=TRAINED)

    def live(self, until: datetime) -> list[Alert]:
        """Score up to *until* and let rules look at it; the alerts that are new."""
        before = {one.alert_id for one in self.alerts()}
        self.team.until(until)
        run = score_live(self.app, self.detector, now=until)
        assert run is not None
        assert not run.unusable
        self.team.until(until + LOOK)
        return [one for one in self.alerts() if one.alert_id not in before]

    def close(self, alerts: list[Alert], at: datetime) -> None:
        """Have an analyst close *alerts* as what they are."""
        for number, one in enumerate(alerts):
            true = one.event_id in self._bad
            verdict = Verdict.TRUE_POSITIVE if true else Verdict.FALSE_POSITIVE
            when = at + number * timedelta(seconds=20)
            self.team.close(one, Closing(verdict=verdict, label_time=when, labeller="dana"))
        self.team.until(at + HOUR)

    def alerts(self, version: str | None = None) -> list[Alert]:
        """What was raised, by whatever version or by one."""
        return list(self.door.find(AlertQuery(detector=NAME, version=version)))

    @property
    def rule(self) -> tuple[str, bool]:
        """The version that the SIEM's rule asks for, and whether it is paused."""
        rules = self.app.connector.rules
        assert rules is not None
        found = rules.current(NAME)
        assert found is not None
        return found.version, found.paused

    def _train(self, detector: Detector) -> str:
        return train_detector(self.app, detector, as_of=TRAINED, now=TRAINED).version.version

    def _detector(self, *, upside_down: bool = False) -> Detector:
        text = text_of(NAME).replace("alerts: {", "alerts: {audit: 4/day, ")
        text = text.replace("labels: {", "labels: {verdicts: {join: event}, ") + GATE
        if upside_down:
            text = text.replace("positive: bad, negative: good", "positive: good, negative: bad")
        detector = parse_detector(text)
        alerts = detector.alerts.model_copy(update={"deliver": Delivery.FINDING.value})
        return detector.model_copy(
            update={"events": {self.app.settings.connector: self._selection}, "alerts": alerts}
        )

    @property
    def _selection(self) -> dict[str, object]:
        assert self.app.connector.intake is not None
        return dict(self.app.connector.intake.selection("alerts"))


@contextmanager
def on_elasticsearch(url: str, home: Path) -> Iterator[Loop]:
    """Over a node without Kibana: rules are ours, and so are alerts."""
    settings = Settings(home=home, connector="elastic", connection="cluster")
    with (
        connected(url, "cluster", settle="PT0S") as connector,
        State.open(settings.state) as state,
    ):
        yield Loop(App(settings, connector, state), _AtOnce(_alerts_of(connector)))


@contextmanager
def on_kibana(url: str, home: Path) -> Iterator[Loop]:
    """Over a node and the simulator of Kibana, which runs the rules and has the alerts."""
    with (
        over(url, now=TRAINED.timestamp()) as simulator,
        kibana_demo.workspace(home, url, simulator) as (app, _),
    ):
        yield Loop(app, KibanaTeam(simulator))


@contextmanager
def on_splunk(_url: str, home: Path) -> Iterator[Loop]:
    """Over the simulator of splunkd with that of Enterprise Security."""
    options = Options(apps=(APP,), enterprise_security=True, now=TRAINED.timestamp())
    with running(options) as simulator, splunk_demo.workspace(home, simulator) as (app, _):
        simulator.add_index(INDEX)
        yield Loop(app, SplunkTeam(simulator))


def _alerts_of(connector: ElasticConnector) -> AlertsDoor:
    given: Connector = connector
    assert given.alerts is not None
    return given.alerts
