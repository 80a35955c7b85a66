"""From the app's settings page to the alert rule: an admin's change, in a real browser.

Splunk is the simulator; the page, the handlers behind it and everything of ours are the real ones.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scoreback.connectors.splunk import SplunkConnector
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.promotion import promote
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.operating_point import points
from scoreback.service.scoring.champions import score_live
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.serving.kinds.settings_pages import SETTINGS
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.browser import browser, page
from tests.integration.alike import END, TRAINED, events
from tests.packaging.splunk_app import built
from tests.splunkd.connection import connected, seed, simulated
from tests.splunkd.simulator import Simulator

__all__ = ["browser", "page"]

FILE = """
name: triage
events: {splunk: {search: index=alerts sourcetype=alerts, id: [event_id]}}
entity: host.name
labels: {field: {name: outcome, positive: bad, negative: good, delay: 2h}, mature_after: 1d}
features: [number: network.bytes, number: event.peak, category: rule.id]
train: {algorithms: [xgboost], trials: 0}
alerts: {budget: 10/day}
"""
STEP = timedelta(hours=6)


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=END, delay=0, apps=(built().folder,)) as simulator:
        simulator.add_index("alerts")
        seed(simulator, events(), "alerts")
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk, "splunk") as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, connector: SplunkConnector) -> Iterator[App]:
    with State.open(tmp_path / "state") as state:
        yield App(Settings(home=tmp_path, connector="splunk"), connector, state)


def _change_budget(page: Page, splunk: Simulator, detector: str, budget: str, reason: str) -> None:
    page.goto(f"{splunk.web_url}/en-US/app/scoreback/configuration")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("changed!")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Add").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Detector").fill(detector)
    dialog.get_by_role("textbox", name="Alert budget").fill(budget)
    dialog.get_by_role("textbox", name="Reason").fill(reason)
    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_role("cell", name=budget)).to_be_visible()


def _settings_job(app: App, detector: Detector, warned: list[str]) -> None:
    """What `serve` does every minute."""
    work = Work(
        app=app,
        now=END,
        pause=lambda _: None,
        warn=lambda _about, _names, text: warned.append(text),
        clear=lambda _about, _name: None,
        apart=None,
        left=lambda _: None,
    )
    assert SETTINGS.run(work, [Served(Path("triage.yml"), detector)]) == {"triage": None}


def test_an_admins_change_on_the_page_reaches_the_rule_and_the_audit_log(
    page: Page, splunk: Simulator, app: App, connector: SplunkConnector
) -> None:
    detector = parse_detector(FILE)
    version = train_detector(app, detector, as_of=TRAINED, now=TRAINED).version
    promote(app, detector, version.version, by="test", at=TRAINED)
    assert score_live(app, detector, now=END - STEP) is not None
    before = connector.rules.current("triage")
    assert before is not None
    assert before.budget == 10

    _change_budget(page, splunk, "triage", "35/day", "a second analyst on the early shift")

    assert score_live(app, detector, now=END) is not None  # the next step
    now = in_force(app.state, detector)
    assert now.detector.alerts.budget == 35
    assert now.refused == ()
    assert now.latest_change == ("admin", "a second analyst on the early shift")
    point = points(app.state, "triage", limit=1)[0]
    assert (point.body["budget"], point.author) == (35, "admin")
    warned: list[str] = []
    _settings_job(app, detector, warned)
    after = connector.rules.current("triage")
    assert after is not None
    assert after.budget == 35
    assert warned == []
    changes = [one for one in audit_log(app.state, "triage") if one.action == "override"]
    assert [(one.actor, one.detail["key"], one.detail["value"]) for one in changes] == [
        ("admin", "alerts.budget", "35/day"),
    ]  # and nothing else was overridden by the page
    entry = changes[0]
    assert entry.detail["reason"] == "a second analyst on the early shift"
    assert datetime.now(UTC) - entry.at < timedelta(minutes=10)
