"""A detector as it is in force: its file, dated overrides, and what the file locks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from scoreback.connectors.doors import Connector
from scoreback.connectors.doors.rules import RulesDoor
from scoreback.connectors.doors.settings import Override, SettingsDoor
from scoreback.deployment import Delivery, Reads, Suppress
from scoreback.errors import ConfigError, SiemUnavailable
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import Enrichment, ModelVersion
from scoreback.service.app import App, opened
from scoreback.service.deploying.differences import not_delivered, not_read
from scoreback.service.deploying.reconcile import rule_of
from scoreback.service.in_force.change import change
from scoreback.service.in_force.detector import in_force, value_of
from scoreback.service.in_force.holding import held_back_here
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.in_force.settings_sync import sync_settings
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE = """
name: triage
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: network.bytes]
alerts: {budget: 20/day}
locked: [alerts.severity]
"""


VERSION = ModelVersion(
    detector="triage", version="v1-aa", status="champion", artifact_hash="aa",
    algorithm="xgboost", trained_as_of=T, created_at=T, parent=None, row_hash="",
)  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(Settings(home=tmp_path / "home")) as app:
        yield app


@pytest.fixture
def detector() -> Detector:
    return parse_detector(FILE)


def put(app: App, detector: Detector, key: str, value: str | None, minute: int = 0) -> None:
    at = T + timedelta(minutes=minute)
    change(app, detector, key, value, author="ann", reason="quiet week", at=at)


def test_an_override_wins_over_the_file_until_it_is_removed(app: App, detector: Detector) -> None:
    put(app, detector, "alerts.budget", "40/day")
    put(app, detector, "alerts.throttle", "2h")
    now = in_force(app.state, detector)
    assert now.detector.alerts.budget == 40
    assert now.detector.alerts.throttle == timedelta(hours=2)
    assert [one.author for one in now.overrides] == ["ann", "ann"]
    assert now.latest_change == ("ann", "quiet week")
    put(app, detector, "alerts.budget", None, minute=1)
    assert in_force(app.state, detector).detector.alerts.budget == 20
    assert in_force(app.state, detector).detector.alerts.throttle == timedelta(hours=2)


def test_the_latest_of_two_values_is_in_force_whatever_came_first(
    app: App, detector: Detector
) -> None:
    put(app, detector, "alerts.budget", "40/day", minute=5)
    put(app, detector, "alerts.budget", "30/day", minute=3)
    assert in_force(app.state, detector).detector.alerts.budget == 40


def test_every_change_is_in_the_audit_log_with_author_and_reason(
    app: App, detector: Detector
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    put(app, detector, "alerts.budget", None, minute=1)
    entries = audit_log(app.state, "triage")
    assert [e.action for e in entries] == ["remove override", "override"]
    assert {e.actor for e in entries} == {"ann"}
    assert entries[1].detail["value"] == "40/day"
    assert entries[0].detail["before"] == "40/day"
    assert entries[1].detail["reason"] == "quiet week"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("alerts.severity", "high", "locked in the file of 'triage'"),
        ("alerts.budgett", "40/day", "not a key that settings can change"),
        ("features", "[]", "not a key that settings can change"),
        ("alerts.budget", "forty", "'forty' is not a number a day"),
        ("alerts.budget", "0/day", "would never raise an alert"),
        ("alerts.day_starts", "06:00 Mars/Base", "is not a known time zone"),
        ("alerts.least_precision", "120%", "not within 0..100%"),
        ("alerts.severity ", "high", "not a key"),
    ],
)
def test_what_cannot_be_overridden_is_refused_by_name_and_changes_nothing(
    app: App, detector: Detector, key: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        put(app, detector, key, value)
    assert caught.value.hint
    assert in_force(app.state, detector).overrides == ()


def test_a_part_that_the_file_lacks_is_there_while_something_of_it_is_set(
    app: App, detector: Detector
) -> None:
    assert value_of(detector, "train.when.verdicts") is None
    put(app, detector, "train.when.verdicts", "200")
    when = in_force(app.state, detector).detector.train.when
    assert when is not None
    assert (when.verdicts, when.drift, when.at_most_every) == (200, None, timedelta(days=3))
    put(app, detector, "train.when.verdicts", None, minute=1)
    assert in_force(app.state, detector).detector == detector


def test_removing_what_nobody_set_is_refused(app: App, detector: Detector) -> None:
    with pytest.raises(ConfigError, match=r"nothing overrides 'alerts\.budget'"):
        put(app, detector, "alerts.budget", None)


def test_a_key_that_the_file_locks_afterwards_is_the_files_again_and_told(
    app: App, detector: Detector
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    locked = detector.model_copy(update={"locked": ["alerts.budget"]})
    now = in_force(app.state, locked)
    assert now.detector.alerts.budget == 20
    assert "alerts.budget is locked" in now.refused[0].reason
    put(app, locked, "alerts.budget", None, minute=1)
    assert in_force(app.state, locked).refused == ()


def of_the_siem(value: str | None, minute: int, key: str = "alerts.budget") -> Override:
    return Override(
        detector="triage", key=key, value=value, author="soc-lead", at=T + timedelta(minutes=minute)
    )


def test_what_an_admin_changes_in_the_siem_is_in_force_and_in_the_audit_log(
    app: App, detector: Detector
) -> None:
    door = app.connector.settings
    assert isinstance(door, SettingsDoor)
    door.put(of_the_siem("50/day", 1))  # type: ignore[attr-defined]
    door.put(of_the_siem("critical", 2, "alerts.severity"))  # type: ignore[attr-defined]
    assert sync_settings(app, now=T) == 2
    assert sync_settings(app, now=T) == 0  # the same ones again
    now = in_force(app.state, detector)
    assert now.detector.alerts.budget == 50
    assert now.detector.alerts.severity == "medium"  # locked
    assert [one.override.key for one in now.refused] == ["alerts.severity"]
    assert audit_log(app.state, "triage")[0].detail["source"] == app.connector.name


def test_a_siem_that_is_down_leaves_in_force_what_was(
    app: App, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = app.connector.settings
    door.put(of_the_siem("50/day", 1))  # type: ignore[union-attr]
    sync_settings(app, now=T)

    def down(_since: datetime) -> Iterator[Override]:
        raise SiemUnavailable("no answer", hint="wait")

    monkeypatch.setattr(door, "overrides", down)
    assert sync_settings(app, now=T) == 0
    assert in_force(app.state, detector).detector.alerts.budget == 50


def test_an_override_of_a_detector_that_is_gone_harms_nobody(app: App, detector: Detector) -> None:
    gone = replace(of_the_siem("1/day", 1), detector="gone")
    app.connector.settings.put(gone)  # type: ignore[union-attr]
    sync_settings(app, now=T)
    assert in_force(app.state, detector).overrides == ()
    assert "gone" in Overrides(app.state).detectors()


def test_two_people_who_change_a_budget_at_once_are_both_told_of_and_the_later_one_counts(
    app: App, detector: Detector
) -> None:
    def say(n: int) -> None:
        at = T + timedelta(seconds=n)
        value = f"{n + 1}/day"
        change(app, detector, "alerts.budget", value, author=f"p{n}", reason="", at=at)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(8)))
    assert in_force(app.state, detector).detector.alerts.budget == 8
    assert len(audit_log(app.state, "triage")) == 8


@pytest.mark.parametrize(
    ("able", "throttle", "here"),
    [
        (frozenset(Suppress), 3600, False),
        (frozenset(), 0, True),
        ({Suppress.THROTTLE}, 3600, True),
        ({Suppress.PER_ENTITY}, 3600, True),
        ({Suppress.PER_ENTITY}, 0, False),  # no throttle is asked for
    ],
)
def test_rules_that_cannot_hold_back_all_that_is_asked_for_leave_it_all_to_us(
    able: frozenset[Suppress],
    throttle: int,
    here: bool,
) -> None:
    door = cast("RulesDoor", SimpleNamespace(suppresses=frozenset(able)))
    assert held_back_here(door, timedelta(seconds=throttle)) is here
    assert held_back_here(None, timedelta(seconds=throttle)) is False


def test_more_than_alerts_can_be_set_each_in_the_words_of_the_file(
    app: App, detector: Detector
) -> None:
    put(app, detector, "labels.benign_positive", "positive")
    put(app, detector, "schedule.score", "*/2 * * * *")
    put(app, detector, "enabled", "0")
    put(app, detector, "alerts.deliver", "risk")
    now = in_force(app.state, detector)
    assert now.refused == ()
    assert now.detector.labels.benign_positive == "positive"
    assert str(now.detector.schedule.score) == "*/2 * * * *"
    assert (now.detector.enabled, now.detector.alerts.deliver) == (False, "risk")
    put(app, detector, "enabled", None, minute=1)
    assert in_force(app.state, detector).detector.enabled


@pytest.mark.parametrize(
    ("key", "value"),
    [("labels.benign_positive", "maybe"), ("schedule.score", "whenever"), ("enabled", "perhaps"),
     ("alerts.deliver", "rank"), ("labels.mature_after", "1d"), ("name", "x")],
)  # fmt: skip
def test_what_the_file_could_not_say_is_refused(
    app: App, detector: Detector, key: str, value: str
) -> None:
    with pytest.raises(ConfigError):
        put(app, detector, key, value)


def test_a_detector_that_is_switched_off_has_a_rule_that_is_paused(
    app: App, detector: Detector
) -> None:
    assert not rule_of(app, detector, VERSION).paused
    put(app, detector, "enabled", "false")
    assert rule_of(app, detector, VERSION).paused


def test_what_a_siem_cannot_deliver_is_delivered_as_it_can_and_told(
    app: App, detector: Detector
) -> None:
    assert not_delivered(detector, rule_of(app, detector, VERSION)) == []
    put(app, detector, "alerts.deliver", "risk")
    asked = in_force(app.state, detector).detector
    rule = rule_of(app, detector, VERSION)
    assert rule.delivery is Delivery.FINDING
    assert "not as risk" in not_delivered(asked, rule)[0]


def test_what_a_siems_rules_cannot_look_at_is_told_and_scores_are_looked_at(
    app: App, detector: Detector
) -> None:
    assert not_read(detector, rule_of(app, detector, VERSION)) == []
    alerts = detector.alerts.model_copy(update={"reads": "events"})
    write = detector.write.model_copy(update={"enrich": "event"})
    asked = detector.model_copy(update={"alerts": alerts, "write": write})
    rule = rule_of(app, asked, VERSION)
    assert (rule.reads, rule.selection) == (Reads.SCORES, {})
    assert "looks at scores, not at events" in not_read(asked, rule)[0]
    rules = SimpleNamespace(
        suppresses=frozenset(Suppress), reads=frozenset(Reads), delivers=(Delivery.FINDING,)
    )
    enrichment = SimpleNamespace(kinds=frozenset(Enrichment))
    able = SimpleNamespace(name="local", rules=rules, enrichment=enrichment)
    app = App(app.settings, cast("Connector", able), app.state)
    rule = rule_of(app, asked, VERSION)
    assert (rule.reads, rule.selection) == (Reads.EVENTS, asked.events["local"])
