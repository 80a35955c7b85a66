"""Bulk actions on rules, and their traps."""

from typing import Any

import pytest

from tests.kibana.asking import Answer, ask
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.test_rules import RULES, body, made


def act(simulator: Simulator, action: str, **more: object) -> Answer:
    params = {"dry_run": "true"} if more.pop("dry", False) else None
    given = {"action": action, **more}
    return ask(simulator, "POST", f"{RULES}/_bulk_action", given, params=params)


def rule(simulator: Simulator, rule_id: str = "one") -> dict[str, Any]:
    return dict(ask(simulator, "GET", RULES, params={"rule_id": rule_id}).json)


def test_rules_are_enabled_and_disabled_by_object_id_or_query(kibana_alone: Simulator) -> None:
    one, _ = made(kibana_alone), made(kibana_alone, "two", tags=["t"])
    enabled = act(kibana_alone, "enable", ids=[one["id"]]).json
    assert enabled["attributes"]["summary"] == {
        "failed": 0, "succeeded": 1, "skipped": 0, "total": 1
    }  # fmt: skip
    assert enabled["attributes"]["results"]["updated"][0]["enabled"] is True
    act(kibana_alone, "enable", query='alert.attributes.tags: "t"')
    assert rule(kibana_alone, "two")["enabled"] is True
    assert act(kibana_alone, "disable", query="").json["rules_count"] == 2


def test_what_failed_makes_the_answer_500_though_the_rest_was_done(
    kibana_alone: Simulator,
) -> None:
    one = made(kibana_alone)
    answer = act(kibana_alone, "enable", ids=["nowhere", one["id"]])
    assert answer.status == 500
    assert answer.json["message"] == "Bulk edit partially failed"
    assert answer.json["attributes"]["errors"] == [
        {"message": "Rule not found", "status_code": 500, "rules": [{"id": "nowhere"}]}
    ]
    assert rule(kibana_alone)["enabled"] is True
    kibana_alone.faults.add("bulk_fails", rule_id="one", text="no room")
    failed = act(kibana_alone, "disable", ids=[one["id"]])
    assert failed.json["attributes"]["errors"][0]["rules"] == [
        {"id": one["id"], "name": "Rule one"}
    ]
    assert rule(kibana_alone)["enabled"] is True


def test_in_9_4_toggling_is_refused_to_everybody() -> None:
    with running(Options(version="9.4")) as simulator:
        one = made(simulator)
        answer = act(simulator, "enable", ids=[one["id"]])
        assert answer.status == 500
        assert answer.json["attributes"]["errors"] == [
            {
                "message": "User does not have permission to enable rules",
                "status_code": 500,
                "err_code": "USER_INSUFFICIENT_RULE_PRIVILEGES",
                "rules": [{"id": one["id"], "name": "Rule one"}],
            }
        ]
        assert rule(simulator)["enabled"] is False


def test_a_dry_run_changes_nothing_and_lists_nothing(kibana_alone: Simulator) -> None:
    one = made(kibana_alone)
    edit = [{"type": "add_tags", "value": ["x"]}]
    for action, more in (("delete", {}), ("enable", {}), ("edit", {"edit": edit})):
        said = act(kibana_alone, action, ids=[one["id"]], dry=True, **more).json
        assert said["attributes"]["summary"]["succeeded"] == 1
        assert said["attributes"]["results"]["deleted"] == []
    assert rule(kibana_alone) == one


def test_edits_change_tags_patterns_and_schedule(kibana_alone: Simulator) -> None:
    one = made(kibana_alone, tags=["a"])
    edits = [
        {"type": "add_tags", "value": ["b"]},
        {"type": "delete_tags", "value": ["a"]},
        {"type": "add_index_patterns", "value": ["more"]},
        {"type": "set_schedule", "value": {"interval": "1h", "lookback": "10m"}},
    ]
    assert act(kibana_alone, "edit", ids=[one["id"]], edit=edits).status == 200
    after = rule(kibana_alone)
    assert (after["tags"], after["index"]) == (["b"], ["logs-none", "more"])
    assert (after["interval"], after["from"]) == ("1h", "now-4200s")
    assert after["revision"] == 1


def test_an_edit_that_changes_nothing_is_skipped(kibana_alone: Simulator) -> None:
    one = made(kibana_alone, tags=["a"])
    edit = [{"type": "add_tags", "value": ["a"]}]
    results = act(kibana_alone, "edit", ids=[one["id"]], edit=edit).json["attributes"]["results"]
    assert results["skipped"] == [
        {"id": one["id"], "name": "Rule one", "skip_reason": "RULE_NOT_MODIFIED"}
    ]


def test_the_last_index_pattern_stays(kibana_alone: Simulator) -> None:
    one = made(kibana_alone)
    edit = [{"type": "delete_index_patterns", "value": ["logs-none"]}]
    answer = act(kibana_alone, "edit", ids=[one["id"]], edit=edit)
    assert answer.status == 500
    assert "Index patterns can't be empty" in answer.text


def test_suppression_is_edited_with_platinum_only(kibana_alone: Simulator) -> None:
    edit = [{"type": "set_alert_suppression", "value": {"group_by": ["host.name"]}}]
    one = made(kibana_alone)
    assert act(kibana_alone, "edit", ids=[one["id"]], edit=edit).status == 500
    with running(Options(license="platinum")) as simulator:
        one = made(simulator)
        assert act(simulator, "edit", ids=[one["id"]], edit=edit).status == 200
        assert rule(simulator)["alert_suppression"]["group_by"] == ["host.name"]


def test_a_copy_is_disabled_and_has_an_id_of_its_own(kibana_alone: Simulator) -> None:
    one = made(kibana_alone, enabled=True)
    (copy,) = act(kibana_alone, "duplicate", ids=[one["id"]]).json["attributes"]["results"][
        "created"
    ]
    assert copy["name"] == "Rule one [Duplicate]"
    assert copy["enabled"] is False
    assert copy["rule_id"] != "one"


def test_rules_are_deleted_at_once(kibana_alone: Simulator) -> None:
    one = made(kibana_alone)
    assert act(kibana_alone, "delete", ids=[one["id"]]).json["rules_count"] == 1
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "one"}).status == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"action": "bless"}, "action: Invalid discriminator value"),
        ({"action": "enable", "ids": ["a"], "query": ""}, "Both query and ids are sent"),
        ({"action": "enable", "ids": ["a"] * 101}, "More than 100 ids sent"),
        ({"action": "edit", "ids": ["a"]}, "edit: Array must contain at least 1"),
    ],
)
def test_a_wrong_action_is_400(kibana_alone: Simulator, given: dict[str, Any], said: str) -> None:
    answer = ask(kibana_alone, "POST", f"{RULES}/_bulk_action", given)
    assert answer.status == 400
    assert said in answer.json["message"]


def test_8_19_alone_has_the_older_routes() -> None:
    path = f"{RULES}/_bulk_create"
    with running(Options(version="9.2")) as simulator:
        assert ask(simulator, "POST", path, [body("a")]).status == 404
    with running(Options(version="8.19")) as simulator:
        first, again = ask(simulator, "POST", path, [body("a"), body("a")]).json
        assert first["rule_id"] == "a"
        assert again["error"] == {"status_code": 409, "message": 'rule_id: "a" already exists'}
        changes = [{"rule_id": "a", "tags": ["t"]}, {"rule_id": "b", "tags": ["t"]}]
        changed, missing = ask(simulator, "PATCH", f"{RULES}/_bulk_update", changes).json
        assert (changed["tags"], missing["error"]["status_code"]) == (["t"], 404)
        (gone,) = ask(simulator, "DELETE", f"{RULES}/_bulk_delete", [{"rule_id": "a"}]).json
        assert gone["rule_id"] == "a"
        assert ask(simulator, "GET", RULES, params={"rule_id": "a"}).status == 404
