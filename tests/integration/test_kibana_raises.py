"""Detection rules of ours as the simulator of Kibana runs them over scores on a real node.

No real Kibana has confirmed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.kibana.rules.body import READS_AGAIN, rule_id
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.deployment import AlertRule, Delivery, Standing
from scoreback.health import Figure, HealthDocument, Kind
from scoreback.naming import score_id
from scoreback.records import SCORE_COLUMNS, EventQuery, ScoreBatch, Severity, TimeWindow
from tests.elasticsearch.connection import refresh
from tests.elasticsearch.direct import done
from tests.kibana import alerts_index
from tests.kibana.asking import ask
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.rules.store import Rules
from tests.kibana.simulator import Simulator
from tests.unit.connectors.elastic.kibana.rules.examples import health_rule, rule

pytestmark = pytest.mark.server

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULE = rule(version="v1-aa", severity=Severity.LOW)


@dataclass
class Lab:
    """A simulator whose clock stands, and a connection whose scores its rules read."""

    kibana: Simulator
    connector: ElasticConnector
    number: int = 0

    @property
    def url(self) -> str:
        return str(self.kibana.options.elasticsearch)

    @property
    def names(self) -> Names:
        return Names(self.connector.given.namespace)

    def wanted(self, **given: Any) -> AlertRule:  # noqa: ANN401
        """A rule of a detector that no other test has."""
        name = f"d{self.number}"
        return replace(RULE, **{"name": name, "detector": name, **given})

    def write(self, of: AlertRule, count: int = 1, *, at: datetime = NOW, **columns: Any) -> None:  # noqa: ANN401
        """Store scores that *of* is about, sent *at* that time."""
        batch = ScoreBatch(
            pa.RecordBatch.from_pylist(
                [{**_row(of, number, at), **columns} for number in range(count)],
                schema=SCORE_COLUMNS,
            )
        )
        self.connector.scores.write(batch, at=at)
        refresh(self.url, f"*{self.names.namespace}*")

    def run(self, of: AlertRule, at: datetime = NOW) -> dict[str, Any]:
        """Run its rule at that time."""
        self.kibana.clock.set(at.timestamp())
        which = {"rule_id": rule_id(self.names, of.name)}
        answer = ask(self.kibana, "POST", "/simulator/run", which)
        assert answer.status == 200, answer.text
        refresh(self.url, f"{alerts_index.alias(self.kibana.home)}*")
        return dict(answer.json)

    def alerts(self, of: AlertRule) -> list[dict[str, Any]]:
        """What its rule raised."""
        query = {"term": {"kibana.alert.rule.rule_id": rule_id(self.names, of.name)}}
        path = f"/{alerts_index.alias(self.kibana.home)}/_search"
        found = done(self.url, "POST", path, {"size": 2000, "query": query})
        return [flat(hit["_source"]) for hit in found["hits"]["hits"]]


def _row(of: AlertRule, number: int, at: datetime) -> dict[str, Any]:
    event = f"e{at:%H%M}-{number}"
    return {
        "score_id": score_id(of.detector, of.version, "live", "contract", event),
        "event_id": event, "event_ref": "logs-x",
        "event_time": NOW - timedelta(hours=9) + timedelta(milliseconds=number), "scored_at": at,
        "entity": f"host-{number}", "detector": of.detector, "version": of.version,
        "stage": "live", "score": 0.9, "risk": 75.0, "threshold": 0.5, "alert": True,
        "reasons": '[{"text": "process.name is rare here"}]',
    }  # fmt: skip


_QUERY = EventQuery(selection={"index": "logs-none-*"}, fields=())


def _window(at: datetime) -> TimeWindow:
    return TimeWindow(since=at - timedelta(hours=1), until=at + timedelta(hours=1))


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[Lab]:
    with (
        over(elasticsearch_url) as simulator,
        joined(simulator, sleep=lambda _: None) as connector,
    ):
        yield Lab(simulator, connector)


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    shared.number += 1
    shared.kibana.clock.set(NOW.timestamp())
    yield shared
    shared.kibana.faults.clear()
    shared.kibana.kept(Rules, shared.kibana.home).by_id.clear()


def test_a_hit_becomes_one_alert_with_its_risk_severity_and_reason(lab: Lab) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.write(of)
    assert lab.run(of)["created"] == 1
    assert lab.run(of, NOW + timedelta(minutes=5))["created"] == 0
    (alert,) = lab.alerts(of)
    assert alert["kibana.alert.risk_score"] == 75.0
    assert alert["kibana.alert.severity"] == "high"
    assert alert["event.reason"] == "process.name is rare here"
    assert alert["kibana.alert.rule.name"] == f"Scoreback: {of.detector}"


@pytest.mark.parametrize(
    "columns",
    [
        {"stage": "shadow"},
        {"stage": "audit"},
        {"stage": "backfill"},
        {"alert": False},
        {"version": "v2-bb"},
        {"detector": "another"},
    ],
)
def test_what_is_not_in_force_raises_nothing(lab: Lab, columns: dict[str, Any]) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.write(of, **columns)
    assert lab.run(of)["created"] == 0


def test_after_a_catch_up_of_hours_every_hit_is_raised_and_none_twice(lab: Lab) -> None:
    """More hits than a page of Kibana's search, sent at one moment, of events of long ago."""
    of = lab.wanted(budget=50.0)
    lab.connector.rules.apply(of)
    assert lab.run(of)["created"] == 0
    lab.write(of, 250, at=NOW + timedelta(minutes=1))
    assert lab.run(of, NOW + timedelta(minutes=5))["created"] == 250
    assert lab.run(of, NOW + timedelta(minutes=10))["created"] == 0
    assert len(lab.alerts(of)) == 250


def test_what_came_while_kibana_was_down_for_hours_is_raised(lab: Lab) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.run(of)
    for minutes in (10, 60, 180):
        lab.write(of, at=NOW + timedelta(minutes=minutes))
    assert lab.run(of, NOW + timedelta(hours=4))["created"] == 3
    assert not [
        finding
        for finding in lab.connector.check(_QUERY)
        if "because it did not run" in finding.what
    ]


def test_more_hits_than_one_run_raises_are_raised_by_the_next_ones(lab: Lab) -> None:
    of = lab.wanted(budget=1.0)
    lab.connector.rules.apply(of)
    lab.write(of, 250)
    created = [lab.run(of, NOW + timedelta(minutes=5 * n))["created"] for n in range(1, 5)]
    assert created == [100, 100, 50, 0]


def test_a_gap_that_kibana_did_not_make_good_is_told(lab: Lab) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.run(of)
    lab.run(of, NOW + READS_AGAIN + timedelta(hours=6))
    (told,) = [one for one in lab.connector.check(_QUERY) if "because it did not run" in one.what]
    assert f"Scoreback: {of.detector}" in told.what
    assert not told.fatal


def test_risk_is_a_building_block_that_is_not_in_the_list_of_alerts(lab: Lab) -> None:
    of = lab.wanted(delivery=Delivery.RISK)
    lab.connector.rules.apply(of)
    lab.write(of)
    lab.run(of)
    (alert,) = lab.alerts(of)
    assert alert["kibana.alert.building_block_type"] == "default"


def test_a_rule_that_is_paused_raises_nothing_until_it_goes_on(lab: Lab) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.connector.rules.apply(replace(of, paused=True))
    (found,) = lab.kibana.kept(Rules, lab.kibana.home).by_id.values()
    assert (found.rule_id, found.next_run) == (rule_id(lab.names, of.name), None)


def test_a_revoked_key_is_told_and_applying_again_gives_the_rule_ours(lab: Lab) -> None:
    of = lab.wanted()
    key = lab.kibana.accounts.key_with("feature_securitySolutionRulesV4.all")
    given = {
        "hosts": lab.connector.given.hosts, "namespace": lab.names.namespace, "replicas": 0,
        "kibana": lab.kibana.url, "space": lab.kibana.home, "kibana_api_key": key,
    }  # fmt: skip
    other = ElasticConnector.open("contract", given)
    other.rules.apply(of)
    other.close_connection()
    lab.kibana.accounts.revoke(key)
    lab.write(of)
    assert lab.run(of, NOW + timedelta(minutes=5))["created"] == 0
    (told,) = [one for one in lab.connector.check(_QUERY) if "ended its last run" in one.what]
    assert "unable to authenticate" in told.what
    assert "run `scoreback apply` with a working key" in told.fix
    found = lab.connector.rules.standing(of)
    assert found.standing == Standing.OUTDATED
    assert found.differences == ("rights: of a key that no longer works -> of this connection",)
    lab.connector.rules.apply(of)
    assert lab.connector.rules.standing(of).standing == Standing.CURRENT
    assert lab.run(of, NOW + timedelta(minutes=10))["created"] == 1


def test_a_condition_of_a_detector_is_one_alert_a_day(lab: Lab) -> None:
    of = health_rule()
    lab.connector.rules.apply(of)
    created = []
    for hour in (0, 1, 2, 13):  # the last is the next day
        at = NOW + timedelta(hours=hour)
        status: dict[str, Figure] = {
            "state": "stale",
            "why": "no events",
            "stale": 1.0,
            "failing": 0.0,
        }
        name = f"d{lab.number}"
        lab.connector.health.write(
            [HealthDocument(detector=name, at=at, kind=Kind.STATUS, figures=status)]
        )
        refresh(lab.url, f"*{lab.names.namespace}*")
        created.append(lab.run(of, at)["created"])
    assert created == [1, 0, 0, 1]
    assert lab.alerts(of)[0]["event.reason"] == "no events"
    other = health_rule("failing")
    lab.connector.rules.apply(other)
    assert lab.run(other, NOW + timedelta(hours=13))["created"] == 0


def test_a_reader_of_health_sees_the_status_alone(lab: Lab) -> None:
    written = HealthDocument(
        detector=f"d{lab.number}", at=NOW, kind=Kind.STATUS, figures={"stale": 1.0, "why": "x"}
    )
    lab.connector.health.write([written])
    lab.connector.health.write([written])
    refresh(lab.url, f"*{lab.names.namespace}*")
    window = _window(NOW)
    assert list(lab.connector.health.read(written.detector, window)) == [written]


# What the rules that Elastic ships look at, in words of our own: the alerts of other products in
# the streams of integrations and of its own agent, and the indicators of threat intelligence that
# match an event. What makes ours safe is that none of their index patterns and none of their
# conditions on event.kind or threat.indicator is met.
_PREBUILT = {
    "External Alerts": (
        ["apm-*-transaction*", "auditbeat-*", "endgame-*", "filebeat-*", "logs-*", "packetbeat-*",
         "traces-apm*", "winlogbeat-*"],
        {"bool": {"filter": [{"term": {"event.kind": "alert"}}]}},
    ),
    "Endpoint Security": (
        ["logs-endpoint.alerts-*"],
        {"bool": {"filter": [
            {"term": {"event.kind": "alert"}}, {"term": {"event.module": "endpoint"}},
        ]}},
    ),
    "Indicator match, the indicators": (
        ["filebeat-*", "logs-ti_*"],
        {"bool": {"filter": [
            {"range": {"@timestamp": {"gte": "now-30d"}}},
            {"exists": {"field": "threat.indicator.ip"}},
        ]}},
    ),
    "Indicator match, the events": (
        ["auditbeat-*", "endgame-*", "filebeat-*", "logs-*", "packetbeat-*", "winlogbeat-*"],
        {"bool": {"should": [{"exists": {"field": name}} for name in (
            "source.ip", "destination.ip", "file.hash.sha256", "url.full", "dns.question.name",
        )]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _PREBUILT)
def test_the_rules_that_elastic_ships_find_nothing_in_our_streams(lab: Lab, name: str) -> None:
    of = lab.wanted()
    lab.write(of, 3)
    lab.connector.health.write(
        [HealthDocument(detector="d", at=NOW, kind=Kind.STATUS, figures={"stale": 1.0})]
    )
    refresh(lab.url, f"*{lab.names.namespace}*")
    indices, query = _PREBUILT[name]
    ours = [lab.names.scores, lab.names.health, lab.names.alerts, lab.names.verdicts]
    quiet = "?ignore_unavailable=true&allow_no_indices=true"
    assert done(lab.url, "POST", f"/{lab.names.scores}/_count")["count"] >= 3
    found = done(
        lab.url, "POST", f"/{','.join(indices)}/_search{quiet}", {"query": query, "size": 1000}
    )
    hit = {hit["_index"] for hit in found["hits"]["hits"]}
    assert not [index for index in hit if any(name in index for name in ours)]
    if "events" not in name:  # events are told from others by their index alone
        count = done(lab.url, "POST", f"/{','.join(ours)}/_count{quiet}", {"query": query})
        assert count["count"] == 0


def test_our_rules_read_no_alerts_of_their_own(lab: Lab) -> None:
    of = lab.wanted()
    lab.connector.rules.apply(of)
    lab.write(of)
    lab.run(of)
    body = ask(
        lab.kibana,
        "GET",
        "/api/detection_engine/rules",
        params={"rule_id": rule_id(lab.names, of.name)},
    ).json
    (index,) = body["index"]
    assert not alerts_index.alias(lab.kibana.home).startswith(index.rstrip("*"))
    assert "*" not in index
    assert lab.run(of, NOW + timedelta(minutes=5))["created"] == 0
