"""A client that is not ours drives the simulator: kibana-py, which its authors try on real servers.

Its methods build the requests and read the answers; where they differ from what the simulator
does, one of the two is wrong about Kibana. Its package is named kibana, too: this folder has no
``__init__.py``, or pytest would find the folder instead.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from kibana import Kibana
from kibana.exceptions import AuthorizationException, BadRequestError, ConflictError, NotFoundError

from tests.kibana import alerts_index
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.fixtures import over
from tests.kibana.seeding import seed
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.splunkd import certificate

pytestmark = pytest.mark.server
VERSIONS = ("9.4", "9.5")
"""What the guest's authors support."""

Opened = Callable[..., tuple[Simulator, Kibana]]


@pytest.fixture
def guest(elasticsearch_url: str) -> Iterator[Opened]:
    """Opens a simulator of a version and a client to its home space."""
    with ExitStack() as stack:

        def opened(version: str = "9.5", **options: object) -> tuple[Simulator, Kibana]:
            simulator = stack.enter_context(over(elasticsearch_url, version=version, **options))
            client = Kibana(simulator.url, basic_auth=(USER, PASSWORD))
            stack.enter_context(closing(client))
            return simulator, client

        yield opened


def _rule(client: Kibana, space: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    given = {
        "type": "query",
        "name": "Guest's rule",
        "description": "Made by a guest",
        "severity": "high",
        "risk_score": 73,
        "rule_id": "guest-1",
        "query": "host.name: web-1",
        "index": ["guest-*"],
        "enabled": False,
        **more,
    }
    made: dict[str, Any] = client.detection_engine.create_rule(**given, space_id=space).body
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_it_reads_the_version_and_makes_a_space(guest: Opened, version: str) -> None:
    simulator, client = guest(version)
    assert client.server_version() == simulator.version.number
    client.spaces.create(id="guests", name="Guests")
    assert "guests" in [one["id"] for one in client.spaces.get_all().body]
    with pytest.raises(ConflictError):
        client.spaces.create(id="guests", name="Guests")
    client.spaces.delete(id="guests")
    with pytest.raises(NotFoundError):
        client.spaces.get(id="guests")


@pytest.mark.parametrize("version", VERSIONS)
def test_it_makes_finds_changes_exports_and_removes_a_rule(guest: Opened, version: str) -> None:
    simulator, client = guest(version)
    rules, space = client.detection_engine, simulator.home
    made = _rule(client, space, tags=["guest"])
    found = rules.find_rules(filter='alert.attributes.tags: "guest"', space_id=space).body
    assert [one["id"] for one in found["data"]] == [made["id"]]
    changed = rules.patch_rule(rule_id="guest-1", name="Renamed", space_id=space).body
    assert (changed["name"], changed["revision"]) == ("Renamed", 1)
    with pytest.raises(ConflictError):
        _rule(client, space)
    lines: list[dict[str, Any]] = rules.export_rules(
        objects=[{"rule_id": "guest-1"}], exclude_export_details=True, space_id=space
    ).body
    assert [one["rule_id"] for one in lines] == ["guest-1"]
    rules.delete_rule(rule_id="guest-1", space_id=space)
    with pytest.raises(NotFoundError):
        rules.get_rule(rule_id="guest-1", space_id=space)
    said = rules.import_rules(file=lines, space_id=space).body
    assert (said["success"], said["success_count"]) == (True, 1)
    again = rules.import_rules(file=lines, space_id=space).body
    assert (again["success"], again["errors"][0]["rule_id"]) == (False, "guest-1")


def test_it_closes_tags_and_assigns_alerts(guest: Opened) -> None:
    simulator, client = guest()
    space, engine = simulator.home, client.detection_engine
    ids = seed(simulator, 3)
    assert engine.get_alerts_index(space_id=space).body["name"] == alerts_index.alias(space)
    said = engine.set_alert_status(
        signal_ids=ids[:2], status="closed", reason="false_positive", space_id=space
    ).body
    assert (said["updated"], said["failures"]) == (2, [])
    closed = engine.search_alerts(
        query={"term": {"kibana.alert.workflow_reason": "false_positive"}},
        size=0,
        track_total_hits=True,
        space_id=space,
    ).body
    assert closed["hits"]["total"]["value"] == 2
    tagged = engine.set_alert_tags(ids=ids, tags_to_add=["seen"], tags_to_remove=[], space_id=space)
    assert tagged.body["updated"] == 3
    engine.set_alert_assignees(ids=ids[:1], add=["u_ann_0"], remove=[], space_id=space)
    query = {"bool": {"filter": [{"term": {"kibana.alert.workflow_assignee_ids": "u_ann_0"}}]}}
    opened = engine.set_alert_status(
        query=query, status="open", conflicts="proceed", space_id=space
    ).body
    assert opened["updated"] == 1
    with pytest.raises(BadRequestError):
        engine.set_alert_status(signal_ids=ids, status="closed", reason="because", space_id=space)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_closes_a_case_with_its_alerts(guest: Opened, version: str) -> None:
    simulator, client = guest(version)
    space, cases = simulator.home, client.cases
    ids = seed(simulator, 1)
    case = cases.create(
        title="Odd logins",
        description="At night",
        owner="securitySolution",
        settings={"syncAlerts": True},
        space_id=space,
    ).body
    case = cases.add_comment(
        case_id=case["id"],
        type="alert",
        owner="securitySolution",
        alert_id=ids,
        index=[alerts_index.backing(space)],
        rule={"id": "r", "name": "R"},
        space_id=space,
    ).body
    assert [one["id"] for one in cases.get_alerts(case_id=case["id"], space_id=space).body] == ids
    by_alert = cases.get_cases_by_alert(alert_id=ids[0], space_id=space).body
    assert [one["id"] for one in by_alert] == [case["id"]]
    stale = case["version"]
    (closed,) = cases.update(
        id=case["id"],
        version=stale,
        status="closed",
        close_reason="true_positive",
        space_id=space,
    ).body
    assert closed["status"] == "closed"
    with pytest.raises(ConflictError):
        cases.update(id=case["id"], version=stale, title="x", space_id=space)
    alert = simulator.cluster.asked("GET", f"/{alerts_index.backing(space)}/_doc/{ids[0]}")
    assert alert["_source"]["kibana.alert.workflow_reason"] == "true_positive"
    assert cases.find(status="closed", space_id=space).body["total"] == 1
    cases.delete(ids=[case["id"]], space_id=space)
    with pytest.raises(NotFoundError):
        cases.get(case_id=case["id"], space_id=space)


def test_it_writes_notes_about_an_alert(guest: Opened) -> None:
    simulator, client = guest()
    note = {"timelineId": "", "eventId": "a1", "note": "The scanner"}
    made = client.timeline.create_note(note=note, space_id=simulator.home).body["note"]
    found = client.timeline.get_notes(document_ids="a1", space_id=simulator.home).body
    assert (found["totalCount"], found["notes"][0]["noteId"]) == (1, made["noteId"])
    client.timeline.delete_notes(note_id=made["noteId"], space_id=simulator.home)
    assert client.timeline.get_notes(document_ids="a1", space_id=simulator.home).body["notes"] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_it_exports_and_imports_saved_objects(guest: Opened, version: str) -> None:
    simulator, client = guest(version)
    space, objects = simulator.home, client.saved_objects
    view = client.data_views.create(
        data_view={"id": "g", "title": "guest-*", "timeFieldName": "@timestamp"}, space_id=space
    ).body["data_view"]
    assert view["title"] == "guest-*"
    reference = {"type": "index-pattern", "id": "g", "name": "p:layer"}
    objects.create(
        type="dashboard",
        id="d",
        attributes={"title": "Guest's"},
        references=[reference],
        space_id=space,
    )
    lines: list[dict[str, Any]] = objects.export(
        objects=[{"type": "dashboard", "id": "d"}],
        include_references_deep=True,
        space_id=space,
    ).body
    assert [one.get("id") for one in lines] == ["g", "d", None]
    objects.delete(type="dashboard", id="d", space_id=space)
    said = objects.import_objects(file=lines[:2], overwrite=True, space_id=space).body
    assert (said["success"], said["successCount"]) == (True, 2)
    found = objects.find(type=["dashboard", "index-pattern"], space_id=space).body
    assert found["total"] == 2
    refused = objects.import_objects(file=lines[:2], space_id=space).body
    assert {one["error"]["type"] for one in refused["errors"]} == {"conflict"}
    retried = objects.resolve_import_errors(
        file=lines[:2],
        retries=[{"type": "dashboard", "id": "d", "overwrite": True}],
        space_id=space,
    ).body
    assert retried["successCount"] == 1
    client.data_views.delete(view_id="g", space_id=space)
    with pytest.raises(NotFoundError):
        client.data_views.get(view_id="g", space_id=space)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_puts_a_dashboard(guest: Opened, version: str) -> None:
    simulator, client = guest(version)
    space, boards = simulator.home, client.dashboards
    panel = {
        "type": "markdown",
        "grid": {"x": 0, "y": 0, "w": 24, "h": 15},
        "config": {"content": "# Welcome", "settings": {}},
    }
    made = boards.update(id="team", title="Team", panels=[panel], space_id=space)
    assert made.meta.status == 201
    assert boards.update(id="team", title="Team 2", space_id=space).meta.status == 200
    listed = boards.get_all(query="team*", space_id=space).body
    assert (listed["total"], listed["meta"]["total"]) == (1, 1)
    assert listed["dashboards"][0]["data"]["title"] == "Team 2"
    assert boards.get(id="team", space_id=space).body["data"]["panels"] == []
    with pytest.raises(BadRequestError):
        boards.create(title="x", access_control={"access_mode": "default"}, space_id=space)
    boards.delete(id="team", space_id=space)
    with pytest.raises(NotFoundError):
        boards.get(id="team", space_id=space)


def test_a_key_with_too_few_features_is_told_so(guest: Opened) -> None:
    simulator, _ = guest()
    key = simulator.accounts.key_with("feature_siemV5.all")
    with closing(Kibana(simulator.url, api_key=key)) as poor:
        with pytest.raises(AuthorizationException) as refused:
            poor.detection_engine.find_rules()
        assert "rules-read" in json.dumps(refused.value.body)


def test_it_speaks_tls_with_the_simulators_certificate(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    shown = certificate.make(tmp_path)
    with running(Options(elasticsearch=elasticsearch_url), certificate=shown) as simulator:
        client = Kibana(simulator.url, basic_auth=(USER, PASSWORD), ca_certs=str(shown.certificate))
        with closing(client):
            assert client.server_version() == simulator.version.number
