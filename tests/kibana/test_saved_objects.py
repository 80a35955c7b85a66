"""Saved objects, data views and dashboards of the simulator: what needs no node."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kibana.asking import Answer, ask, upload
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator

VIEW = {"type": "index-pattern", "id": "v", "attributes": {"title": "logs-*"}, "references": []}
BOARD = {
    "type": "dashboard",
    "id": "d",
    "attributes": {"title": "Detectors at work"},
    "references": [{"type": "index-pattern", "id": "v", "name": "p:layer"}],
}
OBJECTS = "/api/saved_objects"


def _import(kibana: Simulator, *objects: object, **params: object) -> Answer:
    body, headers = upload("\n".join(json.dumps(one) for one in objects), "objects.ndjson")
    return ask(kibana, "POST", f"{OBJECTS}/_import", body, params=params, headers=headers)


def _export(kibana: Simulator, **body: object) -> list[dict[str, Any]]:
    answer = ask(kibana, "POST", f"{OBJECTS}/_export", body)
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def old() -> Iterator[Simulator]:
    """A simulator of 8.19."""
    with running(Options(version="8.19")) as simulator:
        yield simulator


def test_an_import_makes_what_the_file_has_and_an_export_gives_it_back(
    kibana_alone: Simulator,
) -> None:
    said = _import(kibana_alone, BOARD, VIEW).json
    assert (said["success"], said["successCount"]) == (True, 2)
    *lines, details = _export(
        kibana_alone, objects=[{"type": "dashboard", "id": "d"}], includeReferencesDeep=True
    )
    assert [line["id"] for line in lines] == ["v", "d"]
    assert lines[1]["references"] == BOARD["references"]
    assert (details["exportedCount"], details["missingRefCount"]) == (2, 0)
    assert _import(kibana_alone, *lines, overwrite="true").json["successCount"] == 2


def test_a_lost_data_view_keeps_only_its_dashboard_out(kibana_alone: Simulator) -> None:
    tag = {"type": "tag", "id": "t", "attributes": {"name": "Scoreback"}, "references": []}
    said = _import(kibana_alone, BOARD, tag).json
    assert (said["success"], said["successCount"]) == (False, 1)
    (error,) = said["errors"]
    assert error["error"] == {
        "type": "missing_references",
        "references": [{"type": "index-pattern", "id": "v"}],
    }
    assert ask(kibana_alone, "GET", f"{OBJECTS}/tag/t").status == 200
    assert ask(kibana_alone, "GET", f"{OBJECTS}/dashboard/d").status == 404


def test_what_is_there_is_a_conflict_unless_it_may_be_written_over(kibana_alone: Simulator) -> None:
    _import(kibana_alone, VIEW)
    changed = {**VIEW, "attributes": {"title": "other-*"}}
    (error,) = _import(kibana_alone, changed).json["errors"]
    assert (error["id"], error["error"]) == ("v", {"type": "conflict"})
    retries = json.dumps([{"type": "index-pattern", "id": "v", "overwrite": True}])
    body, headers = upload(json.dumps(changed), "objects.ndjson")
    part = f'--simulated\r\nContent-Disposition: form-data; name="retries"\r\n\r\n{retries}\r\n'
    answer = ask(
        kibana_alone,
        "POST",
        f"{OBJECTS}/_resolve_import_errors",
        part.encode() + body,
        headers=headers,
    )
    assert answer.json["success"] is True
    there = ask(kibana_alone, "GET", f"{OBJECTS}/index-pattern/v").json
    assert there["attributes"]["title"] == "other-*"


def test_new_copies_have_new_ids_and_refer_to_each_other(kibana_alone: Simulator) -> None:
    _import(kibana_alone, VIEW, BOARD)
    said = _import(kibana_alone, VIEW, BOARD, createNewCopies="true").json
    view, board = (one["destinationId"] for one in said["successResults"])
    copied = ask(kibana_alone, "GET", f"{OBJECTS}/dashboard/{board}").json
    assert copied["references"][0]["id"] == view != "v"
    both = _import(kibana_alone, VIEW, createNewCopies="true", overwrite="true")
    assert both.status == 400


def test_an_unknown_type_keeps_everything_out(kibana_alone: Simulator) -> None:
    strange = {"type": "nonsense", "id": "n", "attributes": {}, "references": []}
    said = _import(kibana_alone, VIEW, strange).json
    assert said["success"] is False
    assert said["errors"][0]["error"] == {"type": "unsupported_type"}
    assert ask(kibana_alone, "GET", f"{OBJECTS}/index-pattern/v").status == 404


def test_an_import_that_stops_leaves_the_first_objects_behind(kibana_alone: Simulator) -> None:
    kibana_alone.faults.add("object_import_stops", objects=1, times=1)
    assert _import(kibana_alone, VIEW, BOARD).status == 500
    assert ask(kibana_alone, "GET", f"{OBJECTS}/index-pattern/v").status == 200
    assert ask(kibana_alone, "GET", f"{OBJECTS}/dashboard/d").status == 404


@pytest.mark.parametrize("name", ["objects.json", "objects"])
def test_a_file_of_another_name_is_refused(kibana_alone: Simulator, name: str) -> None:
    body, headers = upload(json.dumps(VIEW), name)
    answer = ask(kibana_alone, "POST", f"{OBJECTS}/_import", body, headers=headers)
    assert (answer.status, answer.json["error"]) == (400, "Bad Request")


def test_a_key_needs_the_privilege_of_the_type_or_of_all_objects(kibana_alone: Simulator) -> None:
    body, headers = upload(json.dumps(VIEW), "objects.ndjson")
    for feature, status in (
        ("feature_discover_v2.all", 403),
        ("feature_indexPatterns.all", 200),
        ("feature_savedObjectsManagement.all", 200),
    ):
        key = kibana_alone.accounts.key_with(feature)
        answer = ask(
            kibana_alone,
            "POST",
            f"{OBJECTS}/_import",
            body,
            headers=headers,
            params={"overwrite": "true"},
            key=key,
        )
        assert answer.status == status, feature
        assert status == 200 or "index-pattern" in answer.json["message"]


@pytest.mark.parametrize("named", [{"type": "tag"}, [1], [{"type": "tag"}]])
def test_objects_that_are_not_named_by_type_and_id_are_400(
    kibana_alone: Simulator, named: object
) -> None:
    for path in ("_bulk_get", "_bulk_delete"):
        assert ask(kibana_alone, "POST", f"{OBJECTS}/{path}", named).status == 400
    assert ask(kibana_alone, "POST", f"{OBJECTS}/_export", {"objects": named}).status == 400


def test_several_objects_are_read_and_removed_at_once(kibana_alone: Simulator) -> None:
    _import(kibana_alone, VIEW)
    named = [{"type": "index-pattern", "id": "v"}, {"type": "tag", "id": "nobody"}]
    there, absent = ask(kibana_alone, "POST", f"{OBJECTS}/_bulk_get", named).json["saved_objects"]
    assert (there["attributes"], absent["error"]["statusCode"]) == (VIEW["attributes"], 404)
    said = ask(kibana_alone, "POST", f"{OBJECTS}/_bulk_delete", named).json["statuses"]
    assert [one["success"] for one in said] == [True, False]
    refused = ask(kibana_alone, "POST", f"{OBJECTS}/_export", {"objects": named})
    assert (refused.status, len(refused.json["attributes"]["objects"])) == (400, 2)


def test_objects_of_one_space_are_not_in_another(kibana_alone: Simulator) -> None:
    _import(kibana_alone, VIEW)
    assert ask(kibana_alone, "GET", f"{OBJECTS}/index-pattern/v", space="other").status == 404


def test_a_stale_version_is_409(kibana_alone: Simulator) -> None:
    made = ask(kibana_alone, "POST", f"{OBJECTS}/tag/t", {"attributes": {"name": "a"}}).json
    change = {"attributes": {"name": "b"}, "version": made["version"]}
    assert ask(kibana_alone, "PUT", f"{OBJECTS}/tag/t", change).status == 200
    assert ask(kibana_alone, "PUT", f"{OBJECTS}/tag/t", change).status == 409
    found = ask(kibana_alone, "GET", f"{OBJECTS}/_find", params={"type": "tag", "search": "b*"})
    assert found.json["total"] == 1


def test_a_data_view_is_made_changed_and_removed(kibana_alone: Simulator) -> None:
    path = "/api/data_views/data_view"
    view = {"title": "scoreback.scores-*", "name": "Scores", "timeFieldName": "@timestamp"}
    made = ask(kibana_alone, "POST", path, {"data_view": {**view, "id": "s"}}).json["data_view"]
    assert (made["id"], made["name"], made["namespaces"]) == ("s", "Scores", ["default"])
    assert ask(kibana_alone, "POST", path, {"data_view": view}).status == 400
    again = {"data_view": {**view, "id": "s"}, "override": True}
    assert ask(kibana_alone, "POST", path, again).status == 200
    ask(kibana_alone, "POST", f"{path}/s", {"data_view": {"name": "Renamed"}})
    assert ask(kibana_alone, "GET", f"{path}/s").json["data_view"]["name"] == "Renamed"
    assert ask(kibana_alone, "GET", "/api/data_views").json["data_view"][0]["id"] == "s"
    assert ask(kibana_alone, "GET", f"{OBJECTS}/index-pattern/s").status == 200
    assert ask(kibana_alone, "DELETE", f"{path}/s").status == 200
    assert ask(kibana_alone, "GET", f"{path}/s").status == 404
    assert ask(kibana_alone, "POST", path, {"data_view": {"name": "No title"}}).status == 400


@pytest.mark.server
def test_a_data_view_tells_the_fields_that_the_node_has(kibana: Simulator) -> None:
    ask(kibana, "POST", "/api/detection_engine/index")
    view = {"id": "a", "title": f".alerts-security.alerts-{kibana.home}"}
    ask(kibana, "POST", "/api/data_views/data_view", {"data_view": view})
    fields = ask(kibana, "GET", "/api/data_views/data_view/a").json["data_view"]["fields"]
    assert fields["kibana.alert.workflow_reason"]["type"] == "string"
    assert fields["kibana.alert.risk_score"]["esTypes"] == ["float"]


def _panel(**more: object) -> dict[str, object]:
    grid = {"x": 0, "y": 0}
    return {"type": "markdown", "grid": grid, "config": {"content": "# Hello"}, **more}


def test_a_dashboard_is_put_read_and_removed(kibana_alone: Simulator) -> None:
    path = "/api/dashboards/ours"
    body = {"title": "Detectors", "panels": [_panel()]}
    assert ask(kibana_alone, "PUT", path, body).status == 201
    assert ask(kibana_alone, "PUT", path, {**body, "title": "Ours"}).status == 200
    data = ask(kibana_alone, "GET", path).json["data"]
    assert (data["title"], data["panels"][0]["grid"]) == (
        "Ours",
        {"x": 0, "y": 0, "w": 24, "h": 15},
    )
    listed = ask(kibana_alone, "GET", "/api/dashboards", params={"query": "ours"}).json
    assert (listed["meta"]["total"], listed["data"][0]["id"]) == (1, "ours")
    assert "panels" not in listed["data"][0]["data"]
    assert ask(kibana_alone, "GET", f"{OBJECTS}/dashboard/ours").status == 200
    assert ask(kibana_alone, "DELETE", path).status == 204
    assert ask(kibana_alone, "GET", path).status == 404


def test_a_dashboard_refers_to_the_data_views_of_its_panels(kibana_alone: Simulator) -> None:
    source = {"type": "data_view_reference", "ref_id": "v"}
    config = {"type": "metric", "data_source": source, "metrics": [{"operation": "count"}]}
    made = ask(
        kibana_alone,
        "POST",
        "/api/dashboards",
        {"title": "A", "panels": [_panel(type="vis", config=config)]},
    )
    assert made.status == 201
    kept = ask(kibana_alone, "GET", f"{OBJECTS}/dashboard/{made.json['id']}").json
    assert [one["id"] for one in kept["references"]] == ["v"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"panels": []}, "title"),
        ({"title": "A", "id": "x"}, "id"),
        ({"title": "A", "panels": [_panel(type="nonsense")]}, "nonsense"),
        ({"title": "A", "panels": [_panel(grid={"x": 0, "y": 0, "w": 49})]}, "49"),
        ({"title": "A", "panels": [_panel(size=3)]}, "panels.0.size"),
        ({"title": "A", "panels": [_panel(config={})]}, "panels.0.config"),
        ({"title": "A", "time_range": {"from": "now-7d"}}, "time_range.to"),
        ({"title": "A", "query": {"query": "x", "language": "kql"}}, "query"),
        (
            {
                "title": "A",
                "panels": [
                    _panel(type="vis", config={"type": "metric", "data_source": {"type": "esql"}})
                ],
            },
            "panels.0.config.data_source.query",
        ),
        ({"title": "A", "panels": [{"title": "Part", "grid": {"x": 1, "y": 0}}]}, "grid.x"),
    ],
)
def test_a_dashboard_that_kibana_would_not_take_is_400_and_named(
    kibana_alone: Simulator, body: dict[str, object], said: str
) -> None:
    answer = ask(kibana_alone, "POST", "/api/dashboards", body)
    assert answer.status == 400
    assert answer.json["message"].startswith("[request body")
    assert said in answer.json["message"]


def test_a_dashboard_has_sections(kibana_alone: Simulator) -> None:
    section = {"title": "Part", "grid": {"y": 0}, "panels": [_panel()]}
    made = ask(kibana_alone, "POST", "/api/dashboards", {"title": "A", "panels": [section]})
    assert made.json["data"]["panels"][0]["collapsed"] is False


def test_8_19_has_no_dashboards_api_and_9_4_lists_in_another_shape(old: Simulator) -> None:
    assert ask(old, "GET", "/api/dashboards").status == 404
    with running(Options(version="9.4")) as preview:
        listed = ask(preview, "GET", "/api/dashboards").json
    assert listed == {"dashboards": [], "page": 1, "total": 0}


def test_notes_are_written_found_and_removed(kibana_alone: Simulator, old: Simulator) -> None:
    note = {"timelineId": "", "eventId": "a1", "note": "Looks like the scanner"}
    made = ask(kibana_alone, "PATCH", "/api/note", {"note": note}).json["note"]
    found = ask(kibana_alone, "GET", "/api/note", params={"documentIds": "a1"}).json
    assert (found["totalCount"], found["notes"][0]["note"]) == (1, note["note"])
    assert ask(kibana_alone, "GET", "/api/note", params={"documentIds": "a2"}).json["notes"] == []
    stale = {"note": note, "noteId": made["noteId"], "version": "stale"}
    assert ask(kibana_alone, "PATCH", "/api/note", stale).status == 409
    gone = ask(kibana_alone, "DELETE", "/api/note", {"noteId": made["noteId"]})
    assert (gone.status, len(gone.json)) == (200, 0)
    before = ask(old, "PATCH", "/api/note", {"note": note}).json
    assert before["data"]["persistNote"]["note"]["eventId"] == "a1"


def test_the_privileges_of_a_version_are_named(kibana_alone: Simulator, old: Simulator) -> None:
    newest = ask(kibana_alone, "GET", "/api/security/privileges").json["features"]
    assert "securitySolutionAlertsV1" in newest
    assert (
        "securitySolutionAlertsV1"
        not in ask(old, "GET", "/api/security/privileges").json["features"]
    )
    assert "siemV3" in [one["id"] for one in ask(old, "GET", "/api/features").json]


def test_advanced_settings_have_no_public_route(kibana_alone: Simulator) -> None:
    path = "/internal/kibana/settings"
    assert ask(kibana_alone, "GET", path).status == 400
    own = {"x-elastic-internal-origin": "kibana"}
    name, reasons = "securitySolution:alertCloseReasons", ["Red team"]
    ask(kibana_alone, "POST", path, {"changes": {name: reasons}}, headers=own)
    assert ask(kibana_alone, "GET", path, headers=own).json == {
        "settings": {name: {"userValue": reasons}}
    }
    ask(kibana_alone, "POST", "/simulator/settings", {"changes": {name: None}})
    assert ask(kibana_alone, "GET", path, headers=own).json == {"settings": {}}
