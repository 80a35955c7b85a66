"""kibana-py drives the simulator's rules, exception lists and spaces; see test_guest.py."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kibana import Kibana
from kibana.exceptions import ApiError, AuthorizationException, BadRequestError, NotFoundError

from tests.kibana import rule_schemas
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.fixtures import over
from tests.kibana.runner import scheduling
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.times import iso

RULE: dict[str, Any] = {
    "type": "query", "name": "Guest's rule", "description": "Made by a guest", "severity": "high",
    "risk_score": 73, "query": "host.name: web-1", "index": ["guest-*"],
}  # fmt: skip


@pytest.fixture(params=["9.4", "9.5"])
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with running(Options(version=request.param)) as found:
        yield found


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Kibana]:
    with closing(Kibana(simulator.url, basic_auth=(USER, PASSWORD))) as found:
        yield found


def test_a_rule_is_replaced_and_bulk_edited(simulator: Simulator, client: Kibana) -> None:
    rules = client.detection_engine
    made = rules.create_rule(**RULE, rule_id="g", tags=["old"], note="n").body
    after = rules.update_rule(**RULE, rule_id="g", enabled=True).body
    assert (after["tags"], "note" in after, after["enabled"]) == ([], False, True)
    edit = [{"type": "add_tags", "value": ["new"]}]
    said = rules.bulk_action_rules(action="edit", ids=[made["id"]], edit=edit).body
    assert said["attributes"]["summary"]["succeeded"] == 1
    assert list(rules.get_tags().body) == ["new"]
    assert rules.get_rule(id=made["id"]).body["revision"] == 2
    dry = rules.bulk_action_rules(action="delete", ids=[made["id"]], dry_run=True).body
    assert dry["attributes"]["results"]["deleted"] == []
    exported = rules.bulk_action_rules(action="export", ids=[made["id"]]).body
    assert [one.get("rule_id") for one in exported] == ["g", None]
    assert simulator.stripped == []


def test_toggling_is_as_the_guests_authors_found_it(simulator: Simulator, client: Kibana) -> None:
    rules = client.detection_engine
    made = rules.create_rule(**RULE, rule_id="g").body
    if simulator.version.toggle_by_patch:
        assert rules.patch_rule(rule_id="g", enabled=True).body["enabled"] is True
        return
    with pytest.raises(AuthorizationException, match="edit the following fields: enabled"):
        rules.patch_rule(rule_id="g", enabled=True)
    with pytest.raises(ApiError) as refused:
        rules.bulk_action_rules(action="enable", ids=[made["id"]])
    assert "USER_INSUFFICIENT_RULE_PRIVILEGES" in str(refused.value.body)


def test_what_the_guest_sends_fits_the_schemas(simulator: Simulator, client: Kibana) -> None:
    made = client.detection_engine.create_rule(
        **RULE,
        rule_id="8d9b2b1e-5b3b-4c0f-9a53-1b7a7e0a5a01",
        threat=[{"framework": "MITRE ATT&CK", "tactic": {
            "id": "TA0005", "name": "Defense Evasion",
            "reference": "https://attack.mitre.org/tactics/TA0005/"}}],
        timestamp_override="event.ingested",
        alert_suppression={"group_by": ["host.name"]},
        required_fields=[{"name": "host.name", "type": "keyword"}],
    ).body  # fmt: skip
    if rule_schemas.SCHEMAS.is_dir():
        assert rule_schemas.problems(made, simulator.version.line) == []
    assert simulator.stripped == []


def test_a_wrong_rule_is_a_bad_request(client: Kibana) -> None:
    with pytest.raises(BadRequestError, match="severity: Invalid enum value"):
        client.detection_engine.create_rule(**{**RULE, "severity": "dire"})


def test_exception_lists_have_items(simulator: Simulator, client: Kibana) -> None:
    lists = client.exception_lists
    made = lists.create(name="L", description="d", type="detection", list_id="l").body
    entry = {"field": "host.name", "operator": "included", "type": "match", "value": "web-2"}
    lists.create_item(list_id="l", item_id="i", name="I", description="d", entries=[entry])
    assert lists.find_items(list_id="l").body["data"][0]["entries"] == [entry]
    rule = client.detection_engine.create_rule(**RULE, rule_id="g").body
    item = {"name": "J", "description": "d", "type": "simple", "entries": [entry]}
    (own,) = lists.create_rule_exceptions(id=rule["id"], items=[item]).body
    assert own["list_id"] != made["list_id"]
    lists.delete_item(item_id="i")
    lists.delete(list_id="l")
    with pytest.raises(NotFoundError):
        lists.get(list_id="l")
    assert simulator.stripped == []


def test_spaces_are_changed(simulator: Simulator, client: Kibana) -> None:
    client.spaces.create(id="soc", name="SOC", description="d")
    assert client.spaces.update(id="soc", name="Night", description="n").body["name"] == "Night"
    made = client.detection_engine.create_rule(**RULE, rule_id="g", space_id="soc").body
    assert made["rule_id"] == "g"
    with pytest.raises(NotFoundError):
        client.detection_engine.get_rule(rule_id="g")
    assert simulator.spaces["soc"]["name"] == "Night"


@pytest.mark.server
def test_a_guests_rule_raises_alerts_that_it_reads(
    elasticsearch_url: str, fresh_prefix: str
) -> None:
    with (
        over(elasticsearch_url) as simulator,
        closing(Kibana(simulator.url, basic_auth=(USER, PASSWORD))) as client,
    ):
        engine, space, index = client.detection_engine, simulator.home, f"{fresh_prefix}-a"
        now = iso(simulator.clock.now())
        event = {"@timestamp": now, "host": {"name": "web-1"}}
        simulator.cluster.bulk([{"index": {"_index": index}}, event])
        given = {**RULE, "index": [index]}
        preview = engine.preview_rule(
            **given, invocation_count=1, timeframe_end=now, space_id=space
        ).body
        assert preview["logs"][0]["errors"] == []
        engine.create_rule(**given, rule_id="g", enabled=True, space_id=space)
        assert [run["created"] for run in scheduling.run_due(simulator)] == [1]
        query = {"term": {"kibana.alert.rule.rule_id": "g"}}
        hits = engine.search_alerts(query=query, space_id=space).body["hits"]["hits"]
        assert [hit["_source"]["kibana.alert.severity"] for hit in hits] == ["high"]
        shown = engine.get_rule(rule_id="g", space_id=space).body
        assert shown["execution_summary"]["last_execution"]["status"] == "succeeded"
