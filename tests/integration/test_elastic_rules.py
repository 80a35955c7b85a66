"""Rules on Elasticsearch and the alerts they raise: a user's hand counts, whenever it comes."""

import uuid
from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from scoreback.connectors.doors import AlertFields, AlertQuery
from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.rule_engine.rules import ATTEMPTS, Rules
from scoreback.errors import SiemUnavailable
from scoreback.records import ScoreBatch
from tests.elasticsearch.batches import NOW, rule, scores
from tests.elasticsearch.connection import engine
from tests.elasticsearch.direct import done, sources
from tests.elasticsearch.faults import Fault, Forward, Reply, Request
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server


@pytest.fixture
def name() -> str:
    """A detector, and its rule, that no other test has."""
    return f"d{uuid.uuid4().hex[:8]}"


def index_of(elastic: ElasticConnector) -> str:
    return f"scoreback-rules-{elastic.given.namespace}"


def document(url: str, elastic: ElasticConnector, name: str) -> dict[str, Any]:
    found: dict[str, Any] = done(url, "GET", f"/{index_of(elastic)}/_doc/{name}")["_source"]
    return found


def first(url: str, path: str, body: object) -> Fault:
    """Somebody's request comes to the server just before ours."""

    def fault(sent: Request, forward: Forward) -> Reply:
        done(url, "POST", path, body)
        return forward(sent)

    return fault


def switched_off(url: str, elastic: ElasticConnector, name: str) -> Fault:
    off = document(url, elastic, name) | {"enabled": False}
    return first(url, f"/{index_of(elastic)}/_doc/{name}?refresh=true", off)


def test_a_rule_that_is_switched_off_while_it_is_applied_stays_off(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, elasticsearch_proxy: Proxy
) -> None:
    elastic.rules.apply(rule(name))
    elasticsearch_proxy.add(switched_off(elasticsearch_url, elastic, name), method="PUT", path=name)
    changed = replace(rule(name), budget=7.0)
    elastic.rules.apply(changed)
    assert document(elasticsearch_url, elastic, name)["enabled"] is False
    assert elastic.rules.current(name) == changed
    rules = elastic.rules
    assert isinstance(rules, Rules)
    assert name not in [one.name for one in rules.enabled()]


def test_a_rule_that_somebody_makes_at_the_same_moment_is_read_before_it_is_replaced(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, elasticsearch_proxy: Proxy
) -> None:
    path = f"/{index_of(elastic)}/_doc/{name}?refresh=true"
    made = {"name": name, "detector": name, "enabled": False, "rule": {}}
    elasticsearch_proxy.add(first(elasticsearch_url, path, made), method="PUT", path=name)
    elastic.rules.apply(rule(name))
    assert document(elasticsearch_url, elastic, name)["enabled"] is False
    assert elastic.rules.current(name) == rule(name)


def test_a_rule_that_is_changed_without_end_is_unavailable_and_not_overruled(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, elasticsearch_proxy: Proxy
) -> None:
    elastic.rules.apply(rule(name))
    fault = switched_off(elasticsearch_url, elastic, name)
    elasticsearch_proxy.add(fault, method="PUT", path=name, times=None)
    elasticsearch_proxy.forget()
    with pytest.raises(SiemUnavailable, match=name) as caught:
        elastic.rules.apply(replace(rule(name), budget=7.0))
    assert "apply it again" in caught.value.hint
    assert len(elasticsearch_proxy.seen("PUT", name)) == ATTEMPTS
    elasticsearch_proxy.clear()
    assert elastic.rules.current(name) == rule(name)


def test_each_score_over_the_threshold_says_which_alert_it_is_in(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    elastic.rules.apply(replace(rule(name), per_entity=1))
    hosts = [f"h{n % 2}" for n in range(6)]
    elastic.scores.write(scores(range(6), of=name, alert=True, entity=hosts), at=NOW)
    elastic.scores.write(scores(range(6, 9), of=name), at=NOW)  # below it
    assert engine(elastic).evaluate(since=NOW - LOOK_BACK, at=NOW) == 2
    assert engine(elastic).evaluate(since=NOW - LOOK_BACK, at=NOW) == 0
    stream = f"scoreback.scores-{elastic.given.namespace}"
    found = [flat(hit["_source"]) for hit in sources(elasticsearch_url, stream)]
    marks = Counter(
        one.get("scoreback.alert_id") for one in found if one["scoreback.detector"] == name
    )
    alerts = {one.alert_id: one for one in elastic.alerts.find(AlertQuery(detector=name))}
    assert marks == {None: 3} | dict.fromkeys(alerts, 3)
    assert {one.events for one in alerts.values()} == {3}
    assert {one.entity for one in alerts.values()} == {"h0", "h1"}


def test_an_alert_has_the_fields_that_its_score_carries(
    name: str, elastic: ElasticConnector
) -> None:
    elastic.rules.apply(replace(rule(name), per_entity=1))
    plain = scores(range(2), of=name, alert=True, entity=["h0", "h1"])
    batch = plain.batch.append_column("user.name", pa.array(["dana", None]))
    batch = batch.append_column("process.command_line", pa.array(["cmd /c x", None]))
    batch = batch.append_column("rule.name", pa.array(["Rare parent", None]))
    elastic.scores.write(ScoreBatch(batch), at=NOW)
    assert engine(elastic).evaluate(since=NOW - LOOK_BACK, at=NOW) == 2
    alerts = list(elastic.alerts.find(AlertQuery(detector=name)))
    assert isinstance(elastic.alerts, AlertFields)
    (of_h0,) = (one.alert_id for one in alerts if one.entity == "h0")
    assert elastic.alerts.fields_of(alerts) == {
        of_h0: {
            "user.name": "dana",
            "process.command_line": "cmd /c x",
            "rule.name": "Rare parent",
        }
    }
    assert elastic.alerts.fields_of([]) == {}
