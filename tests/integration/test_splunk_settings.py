"""The app's settings pages as the service reads them, on the simulator of splunkd.

How the page's own handler keeps the history is tested with the app; here it is written as it does.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors.settings import Override
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.settings_pages import FILE, KEYS, NOBODY
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector, Gate
from scoreback.models.detector.triggers import When
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.settings_sync import sync_settings
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.workspace_state import State
from tests.integration.splunk_things import NOW
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

FILE_TEXT = """
name: exfil
events: {splunk: {search: index=dns}}
entity: source.ip
labels: {verdicts: {join: event}}
features: [category: rule.id]
alerts: {budget: 20/day}
"""
MINUTE = timedelta(minutes=1)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=NOW, delay=0) as simulator:
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk) as found:
        yield found


def detector_of(more: str = "") -> Detector:
    return parse_detector(FILE_TEXT + more, "exfil.yml")


def change(
    minute: int, key: str, value: str, by: str = "ada", reason: str = "too many"
) -> dict[str, str]:
    return {
        "at": (NOW + minute * MINUTE).isoformat(timespec="microseconds"), "by": by, "key": key,
        "value": value, "reason": reason,
    }  # fmt: skip


def put(connector: SplunkConnector, detector: str, *history: dict[str, str], **keys: str) -> None:
    """The stanza of *detector* as the page's handler writes it, with *keys* written past it."""
    values: dict[str, Any] = {entry["key"]: entry["value"] for entry in history}
    form = {**values, "history": json.dumps(history), **keys}
    path = connector.client.own(f"configs/conf-{FILE}")
    made = connector.client.call("POST", path, form={"name": detector, **form}, absent=(409,))
    if made is None:
        connector.client.call("POST", f"{path}/{detector}", form=form)


def read(connector: SplunkConnector, since: datetime = EVER) -> list[Override]:
    return list(connector.settings.overrides(since))


def test_each_change_of_the_page_is_an_override_with_its_author_and_time(
    connector: SplunkConnector,
) -> None:
    put(
        connector, "exfil", change(1, "alerts_budget", "30/day"),
        change(3, "alerts_per_entity", "1/day", "bob"), change(5, "alerts_budget", ""),
    )  # fmt: skip
    put(connector, "other", change(2, "alerts_throttle", "2h"))
    found = [(o.detector, o.key, o.value, o.author) for o in read(connector)]
    assert found == [
        ("exfil", "alerts.budget", "30/day", "ada"),
        ("other", "alerts.throttle", "2h", "ada"),
        ("exfil", "alerts.per_entity", "1/day", "bob"),
        ("exfil", "alerts.budget", None, "ada"),
    ]
    assert [o.key for o in read(connector, NOW + 3 * MINUTE)] == [
        "alerts.per_entity", "alerts.budget",
    ]  # fmt: skip
    assert {o.reason for o in read(connector)} == {"too many"}


def test_what_was_written_past_the_page_has_no_author_and_is_told_each_time(
    connector: SplunkConnector,
) -> None:
    put(connector, "exfil", change(1, "alerts_budget", "30/day"), alerts_budget="500/day")
    put(connector, "other", alerts_colour="red", alerts_throttle="9h")
    for since in (EVER, NOW + 60 * MINUTE):
        unknown = [(o.detector, o.value) for o in read(connector, since) if o.author == NOBODY]
        assert unknown == [("other", "9h"), ("exfil", "500/day")]


def test_a_history_that_somebody_spoilt_is_told_and_skipped(
    connector: SplunkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    good = change(1, "alerts_budget", "30/day")
    bad: list[Any] = ["text", {}, {**good, "at": "2026-01-05T12:00:00"}, {**good, "key": "search"}]
    put(connector, "exfil", good, history=json.dumps([*bad, good]))
    put(connector, "other", history="{not json")
    assert [(o.detector, o.value) for o in read(connector)] == [("exfil", "30/day")]
    assert "cannot be read" in caplog.text


@pytest.fixture
def workspace(tmp_path: Path, connector: SplunkConnector) -> Iterator[App]:
    with State.open(tmp_path / "state") as state:
        yield App(Settings(home=tmp_path, connector="splunk"), connector, state)


def test_a_page_puts_a_budget_in_force_once_and_it_is_in_the_audit_log(
    workspace: App, connector: SplunkConnector
) -> None:
    detector = detector_of()
    put(connector, "exfil", change(1, "alerts_budget", "33/day"))
    assert (sync_settings(workspace, now=NOW), sync_settings(workspace, now=NOW)) == (1, 0)
    assert in_force(workspace.state, detector).detector.alerts.budget == 33
    (entry,) = [one for one in audit_log(workspace.state) if one.action == "override"]
    assert (entry.actor, entry.detector, entry.detail["value"]) == ("ada", "exfil", "33/day")
    put(connector, "exfil", change(1, "alerts_budget", "33/day"), change(9, "alerts_budget", ""))
    assert sync_settings(workspace, now=NOW) == 1
    assert in_force(workspace.state, detector).overrides == ()


def test_a_locked_key_and_nonsense_are_refused_by_the_service_alone(
    workspace: App, connector: SplunkConnector
) -> None:
    detector = detector_of("locked: [alerts.budget]")
    put(
        connector, "exfil", change(1, "alerts_budget", "33/day"),
        change(2, "alerts_throttle", "a while"),
    )  # fmt: skip
    assert sync_settings(workspace, now=NOW) == 2
    found = in_force(workspace.state, detector)
    assert found.detector == detector
    assert len(found.refused) == 2


NEW = {
    "alerts_audit": "2/day", "gate_shadow": "5d", "gate_approval": "automatic",
    "gate_explore": "20%", "gate_min_verdicts": "20", "gate_min_precision": "30%",
    "labels_flood": "250",
    "train_when_drift": "0.3", "train_when_at_most_every": "5d",
}  # fmt: skip


def test_what_becomes_of_new_versions_and_verdicts_can_be_set_on_the_page(
    workspace: App, connector: SplunkConnector
) -> None:
    detector = detector_of()
    put(connector, "exfil", *(change(n, key, value) for n, (key, value) in enumerate(NEW.items())))
    assert sync_settings(workspace, now=NOW) == len(NEW)
    now = in_force(workspace.state, detector)
    assert now.refused == ()
    held = now.detector
    assert held.gate == Gate(
        shadow=timedelta(days=5),
        approval="automatic",
        explore=0.2,
        min_verdicts=20,
        min_precision=0.3,
    )
    assert (held.alerts.audit, held.labels.flood) == (2, 250)
    assert held.train.when == When(drift=0.3, at_most_every=timedelta(days=5))


def test_the_file_locks_what_becomes_of_new_versions_and_verdicts(
    workspace: App, connector: SplunkConnector
) -> None:
    detector = detector_of(f"locked: [{', '.join(KEYS[key] for key in NEW)}]")
    put(connector, "exfil", *(change(n, key, value) for n, (key, value) in enumerate(NEW.items())))
    sync_settings(workspace, now=NOW)
    now = in_force(workspace.state, detector)
    assert now.detector == detector
    assert [one.override.key for one in now.refused] == sorted(KEYS[key] for key in NEW)
    assert all("is locked in the file" in one.reason for one in now.refused)


def test_a_splunk_that_does_not_answer_changes_nothing(
    workspace: App, splunk: Simulator, connector: SplunkConnector
) -> None:
    put(connector, "exfil", change(1, "alerts_budget", "33/day"))
    splunk.faults.add("refuse", path="*/configs/*")
    assert sync_settings(workspace, now=NOW) == 0
    splunk.faults.clear()
    assert sync_settings(workspace, now=NOW) == 1
