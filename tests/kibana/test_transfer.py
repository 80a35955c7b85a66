"""Import and export of rules with their exception lists."""

import json
from typing import Any

from tests.kibana.asking import Answer, ask, upload
from tests.kibana.simulator import Simulator
from tests.kibana.test_rules import RULES, body, made

LISTS = "/api/exception_lists"


def lines(*objects: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def take(simulator: Simulator, text: str, name: str = "rules.ndjson", **params: object) -> Answer:
    sent, headers = upload(text, name)
    return ask(simulator, "POST", f"{RULES}/_import", sent, params=params, headers=headers)


def exported(simulator: Simulator, body: object = None, **params: object) -> list[dict[str, Any]]:
    answer = ask(simulator, "POST", f"{RULES}/_export", body, params=params)
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def listed(simulator: Simulator) -> dict[str, Any]:
    given = {"list_id": "l", "name": "n", "description": "d", "type": "detection"}
    known = ask(simulator, "POST", LISTS, given).json
    entry = {"type": "match", "field": "a", "operator": "included", "value": "b"}
    item = {"list_id": "l", "item_id": "i", "name": "n", "description": "d", "type": "simple",
            "entries": [entry]}  # fmt: skip
    assert ask(simulator, "POST", f"{LISTS}/items", item).status == 200
    return {name: known[name] for name in ("id", "list_id", "type", "namespace_type")}


def test_rules_are_taken_and_counted_and_not_listed(kibana_alone: Simulator) -> None:
    said = take(kibana_alone, lines(body("a"), body("b", enabled=True)))
    assert said.json == {
        "success": True, "success_count": 2, "rules_count": 2, "errors": [],
        "exceptions_success": True, "exceptions_success_count": 0, "exceptions_errors": [],
        "action_connectors_success": True, "action_connectors_success_count": 0,
        "action_connectors_errors": [], "action_connectors_warnings": [],
    }  # fmt: skip
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "b"}).json["enabled"] is True


def test_what_is_there_is_replaced_only_if_told_to(kibana_alone: Simulator) -> None:
    made(kibana_alone, "a", note="n")
    refused = take(kibana_alone, lines(body("a", tags=["new"]), body("b")))
    assert (refused.status, refused.json["success"], refused.json["success_count"]) == (
        200, False, 1
    )  # fmt: skip
    assert refused.json["errors"] == [
        {
            "rule_id": "a",
            "error": {"status_code": 409, "message": 'rule_id: "a" already exists'},
        }
    ]
    assert take(kibana_alone, lines(body("a", tags=["new"])), overwrite="true").json["success"]
    after = ask(kibana_alone, "GET", RULES, params={"rule_id": "a"}).json
    assert (after["tags"], "note" in after, after["revision"]) == (["new"], False, 1)


def test_each_wrong_line_is_an_error_of_its_own(kibana_alone: Simulator) -> None:
    text = lines(body("a", severity="dire"), body("b"), body("b"), {"type": "query"}) + "{broken\n"
    said = take(kibana_alone, text).json
    assert said["success_count"] == 1
    by_id = {one["rule_id"]: one["error"]["message"] for one in said["errors"]}
    assert by_id["a"].startswith("severity: Invalid enum value.")
    assert by_id["b"] == 'More than one rule with rule-id: "b" found'
    assert by_id["(unknown id)"]


def test_an_import_that_stops_halfway_leaves_what_it_had_stored(kibana_alone: Simulator) -> None:
    kibana_alone.faults.add("import_stops", rules=1, times=1)
    answer = take(kibana_alone, lines(body("a"), body("b")))
    assert answer.json == {"message": "Internal Server Error", "status_code": 500}
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "a"}).status == 200
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "b"}).status == 404


def test_only_a_file_of_lines_is_taken(kibana_alone: Simulator) -> None:
    said = take(kibana_alone, lines(body()), "rules.json")
    assert said.json == {"message": "Invalid file extension .json", "status_code": 400}
    assert ask(kibana_alone, "POST", f"{RULES}/_import", {}).status == 415


def test_an_export_can_be_taken_back_with_its_lists(kibana_alone: Simulator) -> None:
    reference = listed(kibana_alone)
    made(kibana_alone, "a", exceptions_list=[reference])
    found = exported(kibana_alone, {"objects": [{"rule_id": "a"}, {"rule_id": "gone"}]})
    assert [one.get("rule_id") or one.get("item_id") or one.get("list_id") for one in found] == [
        "a", "l", "i", None
    ]  # fmt: skip
    details = found[-1]
    assert (details["exported_rules_count"], details["missing_rules"]) == (1, [{"rule_id": "gone"}])
    assert len(exported(kibana_alone, exclude_export_details="true")) == 3
    ask(kibana_alone, "DELETE", RULES, params={"rule_id": "a"})
    ask(kibana_alone, "DELETE", LISTS, params={"list_id": "l"})
    said = take(kibana_alone, lines(*found)).json
    assert (said["success"], said["exceptions_success_count"]) == (True, 2)
    assert exported(kibana_alone)[0]["exceptions_list"] == [reference]


def test_a_list_that_is_not_there_is_taken_out_of_the_rule(kibana_alone: Simulator) -> None:
    reference = {"id": "x", "list_id": "none", "type": "detection", "namespace_type": "single"}
    said = take(kibana_alone, lines(body("a", exceptions_list=[reference]))).json
    assert said["success_count"] == 1
    assert "Reference has been removed." in said["errors"][0]["error"]["message"]
    assert exported(kibana_alone)[0]["exceptions_list"] == []


def test_lists_and_items_are_found_changed_and_removed(kibana_alone: Simulator) -> None:
    listed(kibana_alone)
    assert ask(kibana_alone, "GET", f"{LISTS}/_find").json["total"] == 1
    found = ask(kibana_alone, "GET", f"{LISTS}/items/_find", params={"list_id": "l"}).json
    assert [one["item_id"] for one in found["data"]] == ["i"]
    item = {k: found["data"][0][k] for k in ("item_id", "name", "description", "type", "entries")}
    changed = ask(kibana_alone, "PUT", f"{LISTS}/items", {**item, "name": "new"})
    assert changed.json["name"] == "new"
    again = {"list_id": "l", "name": "n", "description": "d", "type": "detection"}
    assert ask(kibana_alone, "POST", LISTS, again).status == 409
    wrong = ask(kibana_alone, "POST", f"{LISTS}/items", {**item, "list_id": "l", "entries": []})
    assert "entries: Array must contain at least 1" in wrong.json["message"]
    assert ask(kibana_alone, "DELETE", f"{LISTS}/items", params={"item_id": "i"}).status == 200
    assert ask(kibana_alone, "GET", f"{LISTS}/items", params={"item_id": "i"}).status == 404
    assert ask(kibana_alone, "GET", LISTS, params={"list_id": "none"}).status == 404


def test_exceptions_of_a_rule_alone_have_a_list_made_for_them(kibana_alone: Simulator) -> None:
    rule = made(kibana_alone)
    entry = {"type": "exists", "field": "a", "operator": "included"}
    item = {"name": "n", "description": "d", "type": "simple", "entries": [entry]}
    path = f"{RULES}/{rule['id']}/exceptions"
    (first,) = ask(kibana_alone, "POST", path, {"items": [item]}).json
    (second,) = ask(kibana_alone, "POST", path, {"items": [item]}).json
    assert first["list_id"] == second["list_id"]
    (reference,) = ask(kibana_alone, "GET", RULES, params={"id": rule["id"]}).json[
        "exceptions_list"
    ]
    assert (reference["list_id"], reference["type"]) == (first["list_id"], "rule_default")
