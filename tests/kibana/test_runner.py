"""Rules that run over the real node: which events they alert on, when, how often, and as what."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.kibana import alerts_index
from tests.kibana.asking import ask
from tests.kibana.exceptions.store import Lists
from tests.kibana.fixtures import over
from tests.kibana.rules.store import Rules
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.test_rules import RULES, body
from tests.kibana.times import iso

pytestmark = pytest.mark.server
NOW = 1_780_000_000.0  # where the clock stands
MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {
            "properties": {"ingested": {"type": "date"}, "severity": {"type": "long"},
                           "risk_score": {"type": "float"}, "kind": {"type": "keyword"}}
        },
        "host": {"properties": {"name": {"type": "keyword"}}},
        "user": {"properties": {"name": {"type": "keyword"}}},
        "scoreback": {"properties": {"alert": {"type": "boolean"}, "score": {"type": "float"},
                                     "detector": {"type": "keyword"}}},
        "labels": {"properties": {"site": {"type": "alias", "path": "host.name"}}},
    }
}  # fmt: skip


@dataclass
class Lab:
    """A simulator whose clock stands, with an index of events of its own."""

    simulator: Simulator
    index: str
    rules: list[str] = field(default_factory=list)

    def put(self, events: dict[str, dict[str, Any]]) -> None:
        lines: list[object] = []
        for identifier, event in events.items():
            lines += [{"index": {"_index": self.index, "_id": identifier}}, event]
        answer = self.simulator.cluster.bulk(lines)
        assert not answer["errors"], json.dumps(answer)[:2000]

    def rule(self, rule_id: str = "one", **more: object) -> dict[str, Any]:
        given = {"index": [self.index], "query": "*", "enabled": True, **more}
        answer = ask(self.simulator, "POST", RULES, body(rule_id, **given))
        assert answer.status == 200, answer.text
        self.rules.append(answer.json["id"])
        return dict(answer.json)

    def run(self, rule_id: str = "one", after: float = 0.0) -> dict[str, Any]:
        self.simulator.clock.advance(after)
        answer = ask(self.simulator, "POST", "/simulator/run", {"rule_id": rule_id})
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def alerts(self) -> list[dict[str, Any]]:
        """What its rules raised; the index is shared with other tests."""
        search = {"size": 1000, "query": {"terms": {"kibana.alert.rule.uuid": self.rules}}}
        path = f"/{alerts_index.alias(self.simulator.home)}/_search"
        hits = self.simulator.cluster.asked("POST", path, search)["hits"]["hits"]
        return [{"_id": hit["_id"], **hit["_source"]} for hit in hits]

    def hosts(self) -> list[str]:
        return sorted(alert["host"]["name"] for alert in self.alerts())


def laboratory(simulator: Simulator, prefix: str) -> Lab:
    simulator.clock.set(NOW)
    simulator.faults.clear()
    simulator.actions.clear()
    simulator.kept(Rules, simulator.home).by_id.clear()
    lists = simulator.kept(Lists, simulator.home)
    lists.lists.clear()
    lists.items.clear()
    settings = {"number_of_replicas": 0}
    simulator.cluster.asked("PUT", f"/{prefix}-a", {"mappings": MAPPING, "settings": settings})
    return Lab(simulator, f"{prefix}-a")


@pytest.fixture(scope="module")
def simulated(elasticsearch_url: str) -> Iterator[Simulator]:
    with over(elasticsearch_url) as simulator:
        yield simulator


@pytest.fixture
def lab(simulated: Simulator, fresh_prefix: str) -> Lab:
    return laboratory(simulated, fresh_prefix)


def event(ago: float = 60.0, host: str = "h1", **more: object) -> dict[str, Any]:
    return {"@timestamp": iso(NOW - ago), "host": {"name": host}, **more}


def test_an_event_is_alerted_on_once_though_it_is_looked_at_again(lab: Lab) -> None:
    lab.put({"e1": event()})
    lab.rule()
    assert lab.run()["created"] == 1
    assert lab.run(after=60)["created"] == 0
    assert lab.run(after=0)["status"] == "succeeded"


def test_an_event_that_was_changed_is_alerted_on_again(lab: Lab) -> None:
    lab.put({"e1": event()})
    lab.rule()
    lab.run()
    lab.put({"e1": event()})
    assert lab.run()["created"] == 1
    assert len({alert["_id"] for alert in lab.alerts()}) == 2


def test_an_alert_has_the_documented_shape(lab: Lab) -> None:
    own = {"kind": "event", "severity": 73}
    lab.put({"e1": event(event=own, scoreback={"detector": "d"})})
    rule = lab.rule(tags=["Scoreback"], note="n")
    lab.run()
    (alert,) = lab.alerts()
    assert alert["_id"] == alert["kibana.alert.uuid"]
    assert len(alert["_id"]) == 64
    assert alert["kibana.alert.ancestors"] == [
        {"id": "e1", "type": "event", "index": lab.index, "depth": 0}
    ]
    assert alert["kibana.alert.rule.uuid"] == rule["id"]
    assert alert["kibana.alert.rule.rule_id"] == "one"
    assert alert["kibana.alert.workflow_status"] == "open"
    assert alert["kibana.space_ids"] == [lab.simulator.home]
    assert (alert["event.kind"], alert["kibana.alert.original_event.kind"]) == ("signal", "event")
    assert alert["kibana.alert.original_event.severity"] == 73
    assert alert["@timestamp"] == iso(NOW)
    assert alert["kibana.alert.original_time"] == iso(NOW - 60)
    assert alert["scoreback"] == {"detector": "d"}
    assert alert["labels.site"] == "h1"  # the event has it in its mapping only
    assert alert["kibana.alert.reason"] == "event on h1 created medium alert Rule one."


def test_our_own_fields_cannot_be_searched_in_alerts(lab: Lab) -> None:
    lab.put({"e1": event(scoreback={"detector": "d"})})
    lab.rule()
    lab.run()
    query = {"query": {"exists": {"field": "scoreback.detector"}}}
    path = f"/{alerts_index.alias(lab.simulator.home)}/_search"
    assert lab.simulator.cluster.asked("POST", path, query)["hits"]["hits"] == []


def test_severity_risk_and_name_are_the_events_where_the_rule_says_so(lab: Lab) -> None:
    lab.put(
        {
            "e1": event(host="a", event={"severity": 73, "risk_score": 88.5}, rule={"name": "x"}),
            "e2": event(host="b", event={"severity": 74, "risk_score": 250}),
        }
    )
    mapping = {"operator": "equals", "field": "event.severity"}
    lab.rule(
        severity_mapping=[
            {**mapping, "value": "73", "severity": "high"},
            {**mapping, "value": "99", "severity": "critical"},
        ],
        risk_score_mapping=[{"field": "event.risk_score", "operator": "equals", "value": ""}],
        rule_name_override="rule.name",
    )
    lab.run()
    by_host = {alert["host"]["name"]: alert for alert in lab.alerts()}
    shown = {
        host: (
            alert["kibana.alert.severity"],
            alert["kibana.alert.risk_score"],
            alert["kibana.alert.rule.name"],
        )
        for host, alert in by_host.items()
    }
    assert shown == {"a": ("high", 88.5, "x"), "b": ("medium", 47, "Rule one")}


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("scoreback.alert: true", ["b", "c"]),
        ("scoreback.score >= 0.9", ["c"]),
        ("not scoreback.alert: true", ["a"]),
        ('host.name: ("a" or "c") and not scoreback.score < 0.5', ["c"]),
        ("user.name: *", ["b"]),
        ("user.name: an*", ["b"]),
        ("host.name: a or user.name: ann", ["a", "b"]),
    ],
)
def test_a_rule_selects_by_kql(lab: Lab, query: str, hosts: list[str]) -> None:
    lab.put(
        {
            "1": event(host="a", scoreback={"alert": False, "score": 0.1}),
            "2": event(host="b", scoreback={"alert": True, "score": 0.5}, user={"name": "ann"}),
            "3": event(host="c", scoreback={"alert": True, "score": 0.95}),
        }
    )
    lab.rule(query=query)
    assert lab.run()["status"] == "succeeded"
    assert lab.hosts() == hosts


def test_a_rule_selects_by_lucene_and_by_filters(lab: Lab) -> None:
    lab.put({"1": event(host="a"), "2": event(host="b"), "3": event(host="c")})
    negated = {"meta": {"negate": True}, "query": {"term": {"host.name": "b"}}}
    lab.rule(query="host.name:(a OR b)", language="lucene", filters=[negated])
    lab.run()
    assert lab.hosts() == ["a"]


def test_a_rule_looks_at_its_span_by_the_time_it_names(lab: Lab) -> None:
    lab.put(
        {
            "old, late": event(7200, "a", event={"ingested": iso(NOW - 60)}),
            "new, early": event(60, "b", event={"ingested": iso(NOW - 7200)}),
            "none": event(60, "c"),
            "old, none": event(7200, "d"),
        }
    )
    lab.rule(timestamp_override="event.ingested")
    lab.run()
    assert lab.hosts() == ["a", "c"]
    lab.rule(
        "two",
        timestamp_override="event.ingested",
        timestamp_override_fallback_disabled=True,
    )
    lab.run("two")
    assert lab.hosts() == ["a", "a", "c"]


def test_a_time_field_that_no_index_has_is_a_warning(lab: Lab) -> None:
    lab.put({"e": event()})
    rule = lab.rule(timestamp_override="event.created")
    run = lab.run()
    assert (run["status"], run["created"]) == ("partial failure", 1)
    assert 'missing the timestamp override field "event.created"' in run["message"]
    shown = ask(lab.simulator, "GET", RULES, params={"id": rule["id"]}).json["execution_summary"]
    assert shown["last_execution"]["status"] == "partial failure"
    assert shown["last_execution"]["status_order"] == 20


def test_an_index_that_is_not_there_is_a_warning(lab: Lab) -> None:
    lab.rule(index=[f"{lab.index}-none*"])
    assert "no index matching" in lab.run()["message"]


def test_no_more_alerts_than_max_signals_are_written_oldest_first(lab: Lab) -> None:
    lab.put({f"e{number}": event(100 - number, f"h{number}") for number in range(6)})
    lab.rule(max_signals=4)
    run = lab.run()
    assert (run["created"], run["status"]) == (4, "partial failure")
    assert "maximum alert limit" in run["message"]
    assert lab.hosts() == ["h0", "h1", "h2", "h3"]
    assert lab.run(after=5)["created"] == 2  # what was left out, while it is in the span


def test_of_more_than_a_page_of_events_of_one_time_the_rest_is_lost(lab: Lab) -> None:
    lab.put({f"e{number}": event(60) for number in range(130)})
    lab.rule(max_signals=500)
    assert lab.run()["created"] == 100
    assert lab.run(after=10)["created"] == 0


def test_after_downtime_a_rule_catches_up_four_intervals_and_tells_the_gap(lab: Lab) -> None:
    hour = 3600.0
    rule = lab.rule(interval="5m", **{"from": "now-6m"})
    lab.run()
    ago = {"fresh": 60.0, "caught up": 20 * 60.0, "lost": 40 * 60.0}
    lab.put({name: event(seconds - hour, name) for name, seconds in ago.items()})
    lab.simulator.clock.advance(hour)
    (run,) = ask(lab.simulator, "POST", "/simulator/run", {}).json
    assert (run["status"], run["created"]) == ("failed", 2)
    assert "were not queried between this rule execution" in run["message"]
    assert lab.hosts() == ["caught up", "fresh"]
    shown = ask(lab.simulator, "GET", RULES, params={"id": rule["id"]}).json["execution_summary"]
    gap = shown["last_execution"]["metrics"]["execution_gap_duration_s"]
    assert gap == 3600 - 6 * 60 - 4 * 5 * 60


def test_rules_run_when_they_are_due(lab: Lab) -> None:
    lab.rule(interval="5m")
    lab.rule("off", enabled=False)
    runs = ask(lab.simulator, "POST", "/simulator/run", {"until": NOW + 1000}).json
    assert [run["at"] - NOW for run in runs] == [0, 300, 600, 900]
    assert ask(lab.simulator, "POST", "/simulator/run", {}).json == []
    assert lab.simulator.clock.now() == NOW + 1000


def test_the_scheduler_runs_rules_by_itself() -> None:
    with running(Options(schedules=True)) as simulator:
        ask(simulator, "POST", RULES, body(enabled=True, type="esql", language="esql"))
        until = time.monotonic() + 30
        shown: dict[str, Any] = {}
        while "execution_summary" not in shown and time.monotonic() < until:
            time.sleep(0.05)
            shown = ask(simulator, "GET", RULES, params={"rule_id": "one"}).json
        assert "not simulated" in shown["execution_summary"]["last_execution"]["message"]


def test_exceptions_are_left_out(lab: Lab) -> None:
    lab.put({host: event(host=host) for host in ("a", "b", "c", "d", "w-1")})
    lab.put({"u": event(host="u", user={"name": "ann"})})
    made = {"list_id": "l", "name": "n", "description": "d", "type": "detection"}
    known = ask(lab.simulator, "POST", "/api/exception_lists", made).json
    for number, entry in enumerate(
        (
            {"type": "match", "field": "host.name", "operator": "included", "value": "a"},
            {"type": "match_any", "field": "host.name", "operator": "included", "value": ["b"]},
            {"type": "wildcard", "field": "host.name", "operator": "included", "value": "w-*"},
            {"type": "exists", "field": "user.name", "operator": "included"},
        )
    ):
        item = {"list_id": "l", "item_id": f"i{number}", "name": "n", "description": "d",
                "type": "simple", "entries": [entry]}  # fmt: skip
        assert ask(lab.simulator, "POST", "/api/exception_lists/items", item).status == 200
    over_by_now = {"type": "match", "field": "host.name", "operator": "included", "value": "c"}
    but_d = {"type": "match", "field": "host.name", "operator": "excluded", "value": "d"}
    for item_id, entries, more in (
        ("expired", [over_by_now], {"expire_time": iso(NOW - 1)}),
        ("both", [over_by_now, but_d, {**over_by_now, "value": "a"}], {}),
    ):
        item = {"list_id": "l", "item_id": item_id, "name": "n", "description": "d",
                "type": "simple", "entries": entries, **more}  # fmt: skip
        assert ask(lab.simulator, "POST", "/api/exception_lists/items", item).status == 200
    reference = {name: known[name] for name in ("id", "list_id", "type", "namespace_type")}
    lab.rule(exceptions_list=[reference])
    lab.run()
    assert lab.hosts() == ["c", "d"]


def test_a_rule_may_search_a_data_view(lab: Lab) -> None:
    lab.put({"1": event()})
    view = {"data_view": {"title": lab.index, "id": lab.index}}
    assert ask(lab.simulator, "POST", "/api/data_views/data_view", view).status == 200
    lab.rule(index=[], data_view_id=lab.index)
    assert lab.run()["created"] == 1
    lab.rule("two", index=[], data_view_id="none")
    assert "index-pattern/none] not found" in lab.run("two")["message"]


def test_a_rule_never_alerts_on_its_own_alerts(lab: Lab) -> None:
    lab.put({"1": event(host=lab.index)})
    alias, query = alerts_index.alias(lab.simulator.home), f'host.name: "{lab.index}"'
    lab.rule(index=[lab.index, alias], query=query)
    lab.rule("two", index=[alias], query=query)
    lab.run()
    assert lab.run(after=1)["created"] == 0
    assert lab.run("two", after=1)["created"] == 1
    depths = sorted(alert["kibana.alert.depth"] for alert in lab.alerts())
    assert depths == [1, 2]


def test_a_building_block_is_marked_as_one(lab: Lab) -> None:
    lab.put({"1": event()})
    lab.rule(building_block_type="default")
    lab.run()
    assert lab.alerts()[0]["kibana.alert.building_block_type"] == "default"


def test_a_rule_runs_with_the_rights_of_the_key_that_edited_it_last(lab: Lab) -> None:
    lab.put({"1": event()})
    accounts = lab.simulator.accounts
    role = {
        "applications": [
            {
                "application": "kibana-.kibana",
                "privileges": ["feature_securitySolutionRulesV4.all"],
                "resources": ["*"],
            }
        ],
        "indices": [{"names": ["logs-*"], "privileges": ["read"]}],
    }
    identifier, key = accounts.add_key("narrow", {"role": role})
    given = body(index=[lab.index], query="*", enabled=True)
    lab.rules.append(ask(lab.simulator, "POST", RULES, given, key=key).json["id"])
    run = lab.run()
    assert (run["status"], run["created"]) == ("partial failure", 0)
    assert "may not have the required read privileges" in run["message"]
    accounts.revoke(identifier)
    assert "unable to authenticate" in lab.run()["message"]
    ask(lab.simulator, "PUT", RULES, given)
    assert (lab.run()["status"], lab.hosts()) == ("succeeded", ["h1"])


def test_types_that_are_not_simulated_fail_and_say_so(lab: Lab) -> None:
    lab.rule(type="esql", language="esql", query="FROM logs-*")
    run = lab.run()
    assert run["status"] == "failed"
    assert run["message"] == "Rules of type esql are not simulated: they never run here"


def test_a_query_that_cannot_be_read_fails_when_it_runs(lab: Lab) -> None:
    lab.put({"1": event()})
    lab.rule(query="a: (")
    assert "KQLSyntaxError" in lab.run()["message"]


def test_a_snoozed_rule_alerts_and_keeps_its_actions_back(lab: Lab) -> None:
    action = {"id": "mail", "action_type_id": ".email", "params": {}, "group": "default"}
    rule = lab.rule(actions=[action])
    lab.put({"1": event(host="a")})
    lab.run()
    assert [one["action"] for one in lab.simulator.actions] == ["mail"]
    ask(lab.simulator, "POST", f"/api/alerting/rule/{rule['id']}/_mute_all")
    lab.put({"2": event(host="b")})
    lab.run()
    assert lab.hosts() == ["a", "b"]
    assert len(lab.simulator.actions) == 1


def test_a_threshold_rule_alerts_on_groups_once(lab: Lab) -> None:
    lab.put({f"{host}{n}": event(100 - n, host) for host, count in (("a", 3), ("b", 1))
             for n in range(count)})  # fmt: skip
    lab.rule(type="threshold", threshold={"field": ["host.name"], "value": 2})
    assert lab.run()["created"] == 1
    (alert,) = lab.alerts()
    result = alert["kibana.alert.threshold_result"]
    assert result["terms"] == [{"field": "host.name", "value": "a"}]
    assert result["count"] == 3
    assert lab.run(after=10)["created"] == 0
    lab.put({"a8": event(5 - 10, "a"), "a9": event(4 - 10, "a")})
    assert lab.run(after=5)["created"] == 1


def test_a_run_can_be_made_to_fail(lab: Lab) -> None:
    lab.rule()
    lab.simulator.faults.add("rule_fails", rule_id="one", times=1, text="out of memory")
    assert (lab.run()["status"], lab.run()["status"]) == ("failed", "succeeded")
    lab.simulator.faults.add("elasticsearch_down", times=1)
    assert "does not answer" in lab.run()["message"]
    lab.simulator.faults.add("skip_run", times=1)
    assert lab.run()["status"] == "skipped"


def test_a_preview_writes_into_an_index_of_its_own(lab: Lab) -> None:
    lab.put({"1": event(60), "2": event(360)})
    given = body(index=[lab.index], query="*")
    given |= {"invocationCount": 2, "timeframeEnd": iso(NOW)}
    said = ask(lab.simulator, "POST", f"{RULES}/preview", given).json
    assert [one["errors"] for one in said["logs"]] == [[], []]
    query = {"query": {"term": {"kibana.alert.rule.uuid": said["previewId"]}}}
    path = f"/.preview.alerts-security.alerts-{lab.simulator.home}/_search"
    assert lab.simulator.cluster.asked("POST", path, query)["hits"]["total"]["value"] == 2
    assert lab.simulator.kept(Rules, lab.simulator.home).by_id == {}
    assert ask(lab.simulator, "POST", f"{RULES}/preview", body()).status == 400
