"""Alerts of Elastic Security about our scores: what an analyst does with them, and what we do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from scoreback.connectors.doors.alerts import AlertFields, AlertLinks, AlertQuery
from scoreback.connectors.elastic.kibana.labels.own import OwnActions, Pending
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.names import Names
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Alert, TimeWindow, Verdict
from tests.elasticsearch.connection import refresh
from tests.integration.kibana_alerts import (
    DAY,
    HOUR,
    MINUTE,
    START,
    Bench,
    bench,
    closed,
    event,
    iso,
    opened,
)
from tests.kibana import alerts_index
from tests.kibana.asking import ask
from tests.kibana.seeding import stored

pytestmark = pytest.mark.server

SIGNALS = "/api/detection_engine/signals"
TAGS = ["Scoreback", "Scoreback Detector: mine"]
REASON, STATUS = "kibana.alert.workflow_reason", "kibana.alert.workflow_status"


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[Bench]:
    with bench(elasticsearch_url) as found:
        yield found


@pytest.fixture
def siem(shared: Bench) -> Iterator[Bench]:
    """A space without alerts."""
    shared.clear()
    yield shared
    shared.kibana.faults.clear()


def put(
    siem: Bench,
    name: str,
    state: dict[str, Any] | None = None,
    *more: dict[str, str],
    minutes: int = 0,
) -> str:
    """Raise an alert about one of our scores; its id, which no other test has."""
    own: dict[str, Any] = {
        "scoreback.detector": "mine", "scoreback.version": "v1-aa", "scoreback.stage": "live",
        "scoreback.score": 0.9, "scoreback.threshold": 0.5, "scoreback.entity": "10.0.0.1",
        "scoreback.reasons": '["why"]', "scoreback.event.id": f"e-{name}",
        "event.risk_score": 73.0,
    }  # fmt: skip
    source = {"@timestamp": iso(START + minutes * MINUTE), **own}
    for score in more:
        source |= score
    index = f".ds-scoreback.scores-{siem.connector.given.namespace}-2026.03.02-000001"
    hit = {"_index": index, "_id": f"s-{name}", "_source": source}
    alert_id = f"{siem.kibana.home}-{name}"
    siem.put(alert_id, [hit], state, name="Scoreback: mine", tags=TAGS, severity="high")
    return alert_id


def found(siem: Bench, query: AlertQuery | None = None) -> dict[str, Alert]:
    alerts = siem.connector.alerts.find(query or AlertQuery())
    return {alert.alert_id: alert for alert in alerts}


def told(siem: Bench, alert_id: str) -> list[dict[str, Any]]:
    """What labels say of one alert."""
    return [row for row in siem.labels() if row["alert_id"] == alert_id]


def analyst(siem: Bench, path: str, body: dict[str, Any]) -> None:
    answer = ask(siem.kibana, "POST", SIGNALS + path, body)
    assert answer.status == 200, answer.text


def test_an_alert_tells_what_its_score_said(siem: Bench) -> None:
    suppressed = {"kibana.alert.suppression.docs_count": 4}
    alert_id = put(siem, "told", suppressed)
    alert = found(siem)[alert_id]
    assert alert == Alert(
        alert_id=alert_id, rule="mine", detector="mine", version="v1-aa", entity="10.0.0.1",
        event_id="e-told", event_time=START, raised_at=START + MINUTE, score=0.9, risk=73.0,
        severity=alert.severity, events=5, reasons='["why"]',
    )  # fmt: skip
    assert alert.severity.value == "high"
    alerts = siem.connector.alerts
    assert isinstance(alerts, AlertFields)
    assert alerts.fields_of([alert]) == {}  # its score is not stored
    assert isinstance(alerts, AlertLinks)
    link = alerts.link_of(alert)
    assert link is not None
    space = "" if siem.kibana.home == "default" else f"/s/{siem.kibana.home}"
    page = f"{siem.kibana.url}{space}/app/security/alerts/redirect/{alert_id}"
    assert link.startswith(f"{page}?index=.alerts-security.alerts-{siem.kibana.home}&timestamp=")


def test_an_alert_of_our_rule_over_events_tells_the_score_beside_the_event(siem: Bench) -> None:
    names = Names(siem.connector.given.namespace)
    own: dict[str, Any] = {
        "scoreback.detector": "mine", "scoreback.version": "v1-aa", "scoreback.stage": "live",
        "scoreback.score": 0.9, "scoreback.risk": 73.0, "scoreback.entity": "10.0.0.1",
        "scoreback.event.id": "e1", "event": {"risk_score": 12.0},
    }  # fmt: skip
    hit = event("e1", **own)
    rule: dict[str, Any] = {
        "type": "esql",
        "name": "Scoreback: mine",
        "tags": TAGS,
        "severity": "high",
    }
    siem.put("ours", [hit], **rule, rule_id=rule_id(names, "mine"))
    siem.put("a-copy-of-the-rule", [hit], **rule, rule_id="another")
    state = closed(START + HOUR, "false_positive")
    siem.put("closed", [event("e2", **own | {"scoreback.event.id": "e2"})], state, **rule,
             rule_id=rule_id(names, "mine"))  # fmt: skip
    alerts = found(siem)
    assert {alert_id: alert.event_id for alert_id, alert in alerts.items()} == {
        "ours": "e1", "closed": "e2",
    }  # fmt: skip
    alert = alerts["ours"]
    assert (alert.rule, alert.detector, alert.version) == ("mine", "mine", "v1-aa")
    assert (alert.score, alert.risk, alert.event_time) == (0.9, 73.0, START)
    assert (alert.touched, alerts["closed"].touched) == (False, True)
    assert siem.connector.alerts.close("ours", Verdict.TRUE_POSITIVE, labeller="ann",
                                       at=START + HOUR).verdict == "true_positive"  # fmt: skip
    rows = {row["alert_id"]: row for row in siem.labels()}
    assert (rows["ours"]["event_id"], rows["ours"]["rule"]) == ("e1", "mine")
    assert (rows["closed"]["event_id"], rows["closed"]["verdict"]) == ("e2", "false_positive")


def test_alerts_are_found_by_detector_version_and_time_oldest_first(siem: Bench) -> None:
    ids = [
        put(siem, f"q{n}", None, {"scoreback.version": f"v{n % 2}"}, minutes=10 - n)
        for n in range(4)
    ]
    other = put(siem, "other", None, {"scoreback.detector": "theirs"}, minutes=20)
    assert list(found(siem)) == [*reversed(ids), other]
    assert list(found(siem, AlertQuery(detector="mine"))) == ids[::-1]
    assert list(found(siem, AlertQuery(detector="mine", version="v1"))) == [ids[3], ids[1]]
    window = TimeWindow(since=START + 8 * MINUTE, until=START + 10 * MINUTE)
    assert list(found(siem, AlertQuery(window=window))) == [ids[2], ids[1]]
    siem.put("not-ours", [{"_index": "logs-x", "_id": "e", "_source": {"@timestamp": iso(START)}}])
    assert "not-ours" not in found(siem)


def test_whatever_an_analyst_does_touches_an_alert(siem: Bench) -> None:
    names = ("new", "closed", "acknowledged", "reopened", "assigned", "case", "tag", "note")
    ids = {name: put(siem, name) for name in names}
    analyst(siem, "/status", {"signal_ids": [ids["closed"]], "status": "closed"})
    analyst(siem, "/status", {"signal_ids": [ids["acknowledged"]], "status": "acknowledged"})
    for status in ("closed", "open"):
        analyst(siem, "/status", {"signal_ids": [ids["reopened"]], "status": status})
    analyst(
        siem, "/assignees", {"ids": [ids["assigned"]], "assignees": {"add": ["u"], "remove": []}}
    )
    analyst(
        siem, "/tags", {"ids": [ids["tag"]], "tags": {"tags_to_add": ["x"], "tags_to_remove": []}}
    )
    put(siem, "case", {"kibana.alert.case_ids": ["c1"]})
    note = {"note": {"timelineId": "", "eventId": ids["note"], "note": "look here"}}
    assert ask(siem.kibana, "PATCH", "/api/note", note).status == 200
    touched = {name for name, alert_id in ids.items() if found(siem)[alert_id].touched}
    assert touched == set(names) - {"new"}


def test_who_may_not_read_notes_takes_all_alerts_for_touched(siem: Bench) -> None:
    put(siem, "unread")
    siem.kibana.faults.add("refuse", path="/api/note", status=403)
    assert [alert.touched for alert in found(siem).values()] == [True]


def test_a_verdict_of_an_analyst_shows_at_the_alert(siem: Bench) -> None:
    alert_id = put(siem, "judged", closed(START + HOUR, "benign_positive"))
    alert = found(siem)[alert_id]
    assert (alert.verdict, alert.labeller) == (Verdict.BENIGN_POSITIVE, "u_ada")
    assert alert.closed_at == START + HOUR
    assert alert_id not in found(siem, AlertQuery(still_open=True))


def test_a_closing_through_us_reaches_kibana_and_is_told_once(siem: Bench) -> None:
    alert_id = put(siem, "ours")
    at = START + HOUR
    done = siem.connector.alerts.close(alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=at)
    assert (done.verdict, done.labeller, done.closed_at) == (Verdict.FALSE_POSITIVE, "ada", at)
    kept = stored(siem.kibana, alert_id)
    assert (kept[STATUS], kept[REASON]) == ("closed", "false_positive")
    (row,) = told(siem, alert_id)
    assert (row["event_id"], row["label_time"], row["labeller"]) == ("e-ours", at, "ada")
    siem.connector.alerts.close(alert_id, Verdict.TRUE_POSITIVE, labeller="bob", at=at + HOUR)
    assert stored(siem.kibana, alert_id)[REASON] == "true_positive"
    rows = told(siem, alert_id)
    assert [(row["verdict"], row["withdrawn"]) for row in rows] == [
        ("false_positive", False),
        ("true_positive", False),
    ]


def test_what_an_analyst_does_after_us_counts(siem: Bench) -> None:
    alert_id = put(siem, "after")
    siem.connector.alerts.close(alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=START + HOUR)
    analyst(siem, "/status", {"signal_ids": [alert_id], "status": "open"})
    rows = told(siem, alert_id)
    assert [row["withdrawn"] for row in rows] == [False, True]
    assert rows[1]["event_id"] is None  # it ends whatever was told
    assert found(siem)[alert_id].verdict is None
    analyst(
        siem,
        "/status",
        {"signal_ids": [alert_id], "status": "closed", "reason": "true_positive"},
    )
    rows = told(siem, alert_id)
    assert [row["verdict"] for row in rows] == ["false_positive", "true_positive"]
    again = siem.connector.alerts.close(
        alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=START + 2 * HOUR
    )
    assert again.verdict == Verdict.FALSE_POSITIVE
    rows = told(siem, alert_id)
    assert [(row["verdict"], row["withdrawn"]) for row in rows] == [
        ("false_positive", False),
        ("false_positive", True),  # it had ended when the analyst closed the alert
        ("false_positive", False),
    ]


def test_before_there_were_reasons_a_verdict_is_said_by_a_tag(elasticsearch_url: str) -> None:
    with bench(elasticsearch_url, "8.19") as siem:
        alert_id = put(siem, "tagged")
        siem.connector.alerts.close(
            alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=START + HOUR
        )
        assert found(siem)[alert_id].tags == ("False Positive",)
        siem.connector.alerts.close(
            alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=START + 2 * HOUR
        )
        assert found(siem)[alert_id].tags == ("True Positive",)
        siem.connector.alerts.reopen(alert_id, at=START + 3 * HOUR)
        assert found(siem)[alert_id].tags == ()
        assert siem.kibana.stripped == []  # no reason was sent that this version does not know


def test_a_case_that_is_closed_with_a_reason_judges_its_alerts(siem: Bench) -> None:
    alert_id = put(siem, "in-case")
    body: dict[str, Any] = {
        "title": "Odd", "description": "Night", "tags": [], "owner": "securitySolution",
        "connector": {"id": "none", "name": "none", "type": ".none", "fields": None},
        "settings": {"syncAlerts": True},
    }  # fmt: skip
    case = ask(siem.kibana, "POST", "/api/cases", body).json
    index = alerts_index.backing(siem.kibana.home)
    attachment = {
        "type": "alert", "alertId": [alert_id], "index": [index], "owner": "securitySolution",
        "rule": {"id": "r", "name": "R"},
    }  # fmt: skip
    case = ask(siem.kibana, "POST", f"/api/cases/{case['id']}/comments", attachment).json
    change = {"id": case["id"], "version": case["version"], "status": "closed"}
    closing = {"cases": [change | {"closeReason": "benign_positive"}]}
    assert ask(siem.kibana, "PATCH", "/api/cases", closing).status == 200
    refresh(siem.url, f".internal.alerts-security.alerts-{siem.kibana.home}*")
    (row,) = told(siem, alert_id)
    assert (row["event_id"], row["verdict"]) == ("e-in-case", "benign_positive")
    assert row["labeller"] == "unknown"  # a case does not say who


def test_an_alert_that_is_opened_again_has_no_verdict(siem: Bench) -> None:
    alert_id = put(siem, "again", opened(START + HOUR))
    alert = found(siem, AlertQuery(still_open=True))[alert_id]
    assert (alert.verdict, alert.touched) == (None, True)


def test_a_crash_between_kibana_and_our_own_note_makes_no_label(siem: Bench) -> None:
    alert_id = put(siem, "crash")
    own = OwnActions(siem.connector.client, Names(siem.connector.given.namespace))
    own.begin(alert_id, Pending(status="closed", reason="false_positive", before=None))
    assert told(siem, alert_id) == []
    body = {"signal_ids": [alert_id], "status": "closed", "reason": "false_positive"}
    analyst(siem, "/status", body)  # as we did before the machine stopped
    assert told(siem, alert_id) == []
    analyst(siem, "/status", {"signal_ids": [alert_id], "status": "open"})
    analyst(siem, "/status", body | {"reason": "true_positive"})  # an analyst's own
    assert [row["verdict"] for row in told(siem, alert_id)] == ["true_positive"]


def test_many_alerts_are_tagged_in_requests_that_kibana_takes(siem: Bench) -> None:
    alerts = {}
    ids = [f"{siem.kibana.home}-many-{n:04d}" for n in range(30)]
    for alert_id in ids:
        put(siem, alert_id.removeprefix(f"{siem.kibana.home}-"))
    assert siem.connector.alerts.tag([*ids, "unknown"], "recalled") == 30
    assert siem.connector.alerts.tag(ids, "recalled") == 0
    alerts = found(siem)
    assert {alerts[alert_id].tags for alert_id in ids} == {("recalled",)}
    assert not any(alerts[alert_id].touched for alert_id in ids)


def test_a_conflict_is_tried_again(siem: Bench) -> None:
    alert_id = put(siem, "conflict")
    siem.kibana.faults.add("alert_conflict", times=2)
    done = siem.connector.alerts.close(
        alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=START + HOUR
    )
    assert done.verdict == Verdict.TRUE_POSITIVE


def test_what_cannot_be_is_refused(siem: Bench) -> None:
    alert_id = put(siem, "refused")
    for missing in ("no-such-alert", ""):
        with pytest.raises(SiemRefused, match="no alert of Scoreback's"):
            siem.connector.alerts.reopen(missing, at=START)
    with pytest.raises(SiemRefused, match="its event happened at"):
        siem.connector.alerts.close(alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=START - DAY)
    assert stored(siem.kibana, alert_id)[STATUS] == "open"


def test_a_refusal_of_kibana_leaves_nothing_said(siem: Bench) -> None:
    alert_id = put(siem, "denied")
    siem.kibana.faults.add("refuse", path=f"{SIGNALS}/status", status=403)
    with pytest.raises(SiemRefused):
        siem.connector.alerts.close(
            alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=START + HOUR
        )
    siem.kibana.faults.clear()
    body = {"signal_ids": [alert_id], "status": "closed", "reason": "true_positive"}
    analyst(siem, "/status", body)  # theirs, though it is what we had asked for
    assert [row["verdict"] for row in told(siem, alert_id)] == ["true_positive"]


def test_verdicts_and_alerts_are_read_while_kibana_is_down_but_not_changed(siem: Bench) -> None:
    alert_id = put(siem, "down", closed(START + HOUR, "true_positive"))
    quiet = put(siem, "quiet")
    siem.kibana.faults.add("kibana_down")
    assert [row["verdict"] for row in told(siem, alert_id)] == ["true_positive"]
    # Only who asks whether an analyst has touched alerts needs Kibana for their list.
    assert set(found(siem, AlertQuery(touched=False))) >= {alert_id, quiet}
    with pytest.raises(SiemUnavailable):
        found(siem)
    with pytest.raises(SiemUnavailable):
        siem.connector.alerts.reopen(quiet, at=START + timedelta(days=1))
