"""Alerts that the simulator's scheduler raises by our saved searches and the app's own action."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.names import ALERT_HITS
from scoreback.connectors.splunk.rules.spl import filter_name, search_name
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import AlertRule, Delivery, RuleKind
from scoreback.health import OWN, Condition, Figure, HealthDocument, Kind
from scoreback.suppression import hits_of, place
from tests.integration.splunk_things import NOW, rule, scores
from tests.splunkd.connection import APP, connected, simulated
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

RULE = rule()
ROUND, HOUR = 300.0, timedelta(hours=1)
Event = tuple[str, datetime, str | None]


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=NOW, delay=20) as simulator:
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk, "splunk") as found:
        yield found


@pytest.fixture
def secure() -> Iterator[Simulator]:
    options = Options(apps=(APP,), now=NOW.timestamp(), enterprise_security=True)
    with running(options) as simulator:
        yield simulator


def write(connector: SplunkConnector, *events: Event) -> None:
    report = connector.scores.write(scores(events), at=NOW)
    assert report.written == len(events)


def rounds(simulator: Simulator, count: int = 1) -> None:
    """Let the scheduler run each rule *count* times."""
    runs = simulator.run_until(simulator.clock.now() + count * ROUND)
    wrong = [run for run in runs if any(run.actions.values()) or run.status == "failed"]
    assert not wrong, wrong


def opened(connector: SplunkConnector) -> list[str]:
    return [alert.event_id for alert in connector.alerts.find()]


def test_a_scheduled_search_of_ours_raises_an_alert(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
    rounds(splunk)
    (alert,) = connector.alerts.find()
    assert (alert.event_id, alert.rule, alert.detector) == ("e1", "exfil-dns", "exfil-dns")
    assert (alert.entity, alert.risk, alert.severity) == ("10.0.0.1", 90.0, "high")
    assert alert.event_time == NOW - HOUR
    assert alert.reasons == '["a \\"quoted\\" | reason"]'


def test_a_repeated_score_raises_one_alert_however_often_it_is_looked_at(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    for _ in range(3):
        write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
        rounds(splunk)
    rounds(splunk, 3)
    assert opened(connector) == ["e1"]
    (alert,) = connector.alerts.find()
    assert alert.events == 1


def test_scores_of_a_late_catch_up_are_all_raised(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    days = [NOW - timedelta(days=n) for n in (40, 20, 3)]
    write(connector, *((f"e{n}", day, f"10.0.0.{n}") for n, day in enumerate(days)))
    rounds(splunk)
    assert opened(connector) == ["e0", "e1", "e2"]


@pytest.mark.parametrize("fault", ["skip_scheduled", "queue_scheduled"])
def test_a_search_that_was_skipped_or_queued_loses_no_alert(
    splunk: Simulator, connector: SplunkConnector, fault: str
) -> None:
    connector.rules.apply(RULE)
    splunk.faults.add(fault, times=6)
    write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
    splunk.run_until(splunk.clock.now() + 6 * ROUND)
    write(connector, ("e2", NOW - HOUR, "10.0.0.2"))
    splunk.faults.clear()
    rounds(splunk, 2)
    assert sorted(opened(connector)) == ["e1", "e2"]


def test_an_action_that_failed_is_made_good_by_a_later_run(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
    splunk.faults.add("kv_off", path="*/scoreback_alerts*", method="POST")
    splunk.run_until(splunk.clock.now() + ROUND)
    splunk.faults.clear()
    assert opened(connector) == []
    rounds(splunk)
    assert opened(connector) == ["e1"]


def test_the_app_places_hits_as_the_service_defines_it(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    many: Sequence[Event] = [
        (f"e{n:02d}", NOW - timedelta(minutes=19 * n), None if n % 7 == 0 else f"10.0.0.{n % 3}")
        for n in range(30)
    ]
    short = replace(RULE, per_entity=2, throttle=timedelta(minutes=30))
    connector.rules.apply(short)
    write(connector, *many)
    rounds(splunk)
    hits = hits_of(short, _table(many))
    placed = place(short, hits, ())
    assert sorted(alert.alert_id for alert in connector.alerts.find()) == sorted(
        placed.alerts[row] for row in placed.new
    )
    members = KvStore(connector.client).rows(ALERT_HITS)
    assert {row["score_id"]: row["alert_id"] for row in members} == dict(
        zip(hits["score_id"].to_pylist(), placed.alerts, strict=True)
    )


def test_what_the_user_filters_is_not_raised(splunk: Simulator, connector: SplunkConnector) -> None:
    connector.rules.apply(RULE)
    path = connector.client.own("configs/conf-macros", filter_name(RULE.name))
    definition = 'search NOT scoreback_entity="10.0.0.1"'
    connector.client.call("POST", path, form={"definition": definition})
    write(connector, ("e1", NOW - HOUR, "10.0.0.1"), ("e2", NOW - HOUR, "10.0.0.2"))
    rounds(splunk)
    assert opened(connector) == ["e2"]


def test_a_rule_that_somebody_switched_off_raises_nothing_and_stays_so(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    path = connector.client.own("saved/searches", search_name(RULE.name))
    connector.client.call("POST", path, form={"disabled": "1"})
    connector.rules.apply(replace(RULE, budget=9.0))
    write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
    rounds(splunk, 2)
    assert opened(connector) == []


@pytest.mark.parametrize(
    "entity", ['a"b', "a|b", "a\\b", "$x$", "`m`", "[search index=*]", "ü 雪", "a,b", "a\tb"]
)
def test_no_value_of_an_event_changes_what_is_searched(
    splunk: Simulator, connector: SplunkConnector, entity: str
) -> None:
    connector.rules.apply(RULE)
    write(connector, ("e1", NOW - HOUR, entity), ("e2", NOW - 2 * HOUR, "10.0.0.1"))
    rounds(splunk, 2)
    found = {alert.event_id: alert.entity for alert in connector.alerts.find()}
    assert found == {"e1": entity, "e2": "10.0.0.1"}


@pytest.mark.parametrize("condition", Condition)
def test_a_rule_about_health_raises_one_alert_a_day_and_detector(
    splunk: Simulator, connector: SplunkConnector, condition: Condition
) -> None:
    connector.rules.apply(_about_health(condition))
    for hours in (0, 1, 2):
        connector.health.write(
            [_health("exfil-dns", hours, condition), _health("other", hours, condition)]
        )
        rounds(splunk)
    figures: dict[str, Figure] = dict.fromkeys(Condition, 1.0)
    fine = HealthDocument(
        detector="fine", at=NOW, kind=Kind.STATUS, figures={**figures, condition: 0.0}
    )
    connector.health.write([fine])
    rounds(splunk, 2)
    found = list(connector.alerts.find())
    assert sorted(alert.entity or "" for alert in found) == ["exfil-dns", "other"]
    assert {alert.detector for alert in found} == {OWN}
    assert all(f"docs/runbook/{condition}.md" in alert.reasons for alert in found)
    assert all('old: "a" | b' in alert.reasons.replace('\\"', '"') for alert in found)


def test_with_enterprise_security_a_finding_is_opened_once_and_throttled_by_entity(
    secure: Simulator,
) -> None:
    with connected(secure, "splunk") as connector:
        connector.rules.apply(replace(RULE, delivery=Delivery.FINDING))
        write(connector, ("e1", NOW - HOUR, "10.0.0.1"), ("e2", NOW - HOUR, "10.0.0.2"))
        rounds(secure, 3)
        write(connector, ("e3", NOW, "10.0.0.1"))
        rounds(secure, 2)
        findings = search(connector.client, "search index=notable | table *")
        assert sorted(row["scoreback_event_id"] for row in findings) == ["e1", "e2"]
        assert {row["severity"] for row in findings} == {"high"}
        assert findings[0]["rule_title"].startswith("Scoreback exfil-dns: 10.0.0.")
        assert sorted(opened(connector)) == ["e1", "e2"]


def test_with_enterprise_security_risk_is_added_and_no_finding_opened(secure: Simulator) -> None:
    with connected(secure, "splunk") as connector:
        connector.rules.apply(replace(RULE, delivery=Delivery.RISK, attack=("T1071.004",)))
        write(connector, ("e1", NOW - HOUR, "10.0.0.1"))
        rounds(secure, 3)
        (risk,) = search(connector.client, "search index=risk | table *")
        assert (risk["risk_object"], risk["risk_object_type"]) == ("10.0.0.1", "system")
        assert (risk["risk_score"], risk["search_name"]) == ("73", search_name(RULE.name))
        assert not search(connector.client, "search index=notable")
        assert opened(connector) == []


def _table(events: Sequence[Event]) -> pa.Table:
    return pa.Table.from_batches([scores(events).batch])


def _about_health(condition: Condition) -> AlertRule:
    return rule(
        f"health.{condition}", kind=RuleKind.HEALTH, detector=OWN, version="", per_entity=1,
        throttle=timedelta(0), notes=f"docs/runbook/{condition}.md",
        entity_field="scoreback.detector",
    )  # fmt: skip


def _health(detector: str, hours: int, condition: Condition) -> HealthDocument:
    return HealthDocument(
        detector=detector, at=NOW + hours * timedelta(minutes=1), kind=Kind.STATUS, version="v1-aa",
        figures={condition: 1.0, "state": "attention", "why": 'old: "a" | b'},
    )  # fmt: skip
