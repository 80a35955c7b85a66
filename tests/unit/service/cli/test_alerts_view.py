"""Alerts are listed by risk, and named by the beginning of their id."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from scoreback.connectors.doors.alerts import AlertQuery, AlertsDoor
from scoreback.errors import SiemRefused
from scoreback.records import Alert, Severity
from scoreback.service.cli.alerts_view import fields_of, links_of, named, riskiest, show_alerts
from scoreback.service.cli.usage import UsageError

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ONE = Alert(
    alert_id="3f9a1c5e7b2d4f608192a3b4", rule="scoreback-alert_queue", detector="alert_queue",
    version="v1", entity="ws-016.branch-office.example.internal", event_id="e", event_time=AT,
    raised_at=AT, score=0.9, risk=90.0, severity=Severity.HIGH, events=3,
    reasons='[{"text": "process is rare on this host"}]',
)  # fmt: skip


class Door:
    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids

    def find(self, query: AlertQuery) -> Iterator[Alert]:
        del query
        return (replace(ONE, alert_id=name) for name in self.ids)


def door(*ids: str) -> AlertsDoor:
    return cast("AlertsDoor", Door(ids))


def test_the_highest_risk_comes_first_and_of_equal_risk_the_newest() -> None:
    found = [
        replace(ONE, alert_id=name, risk=risk, event_time=AT + timedelta(hours=hour))
        for name, risk, hour in (("a", 50, 0), ("b", 90, 1), ("c", 90, 2), ("d", 70, 3))
    ]
    assert [one.alert_id for one in riskiest(found, 3)] == ["c", "b", "d"]
    since = AT + timedelta(hours=2)
    assert [one.alert_id for one in riskiest(found, 9, since)] == ["c", "d"]


def test_a_short_id_means_the_only_alert_that_begins_so() -> None:
    alerts = door("abc1", "abd2", "ab")
    assert named(alerts, "abc") == "abc1"
    assert named(alerts, "ab") == "ab"  # an id as it stands, though others begin so


def test_an_ambiguous_short_id_names_the_alerts_it_may_mean() -> None:
    with pytest.raises(UsageError, match="2 alerts have an id that begins with 'ab'") as told:
        named(door("abd2", "abc1", "b"), "ab")
    assert told.value.hint == "name one of: abc1, abd2"


@pytest.mark.parametrize("given", ["", "x"])
def test_a_short_id_of_no_alert_is_refused(given: str) -> None:
    with pytest.raises(SiemRefused, match="no alert"):
        named(door("abc1"), given)


def test_a_block_shows_rule_entity_fields_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    line = "powershell.exe -enc " + "SQBFAFgA" * 20
    show_alerts([ONE], {ONE.alert_id: {"user.name": "dana", "process.command_line": line}})
    out = capsys.readouterr().out
    for whole in (ONE.alert_id, ONE.rule, str(ONE.entity), "dana", "SQBFAFgA" * 20,
                  "process is rare on this host", "2026-01-31 12:00 UTC"):  # fmt: skip
        assert whole in out


def test_a_siem_that_cannot_say_fields_says_none() -> None:
    assert fields_of(door("a"), [ONE]) == {}


class WithPages(Door):
    def link_of(self, alert: Alert) -> str | None:
        return None if alert.alert_id == "b" else f"https://siem.example/{alert.alert_id}"


@pytest.mark.parametrize("columns", ["80", "300"])
def test_an_alert_is_shown_with_its_page_where_the_siem_has_one(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    alerts = [replace(ONE, alert_id=name) for name in ("a", "b")]
    links = links_of(cast("AlertsDoor", WithPages(["a", "b"])), alerts)
    assert links == {"a": "https://siem.example/a"}
    assert links_of(door("a"), alerts) == {}
    show_alerts(alerts, {}, links)
    assert "https://siem.example/a" in capsys.readouterr().out
    show_alerts(alerts, {})
    assert "page" not in capsys.readouterr().out
