"""Rules in the simulator: made, read, replaced, patched, found, removed; and by whom."""

from typing import Any

import pytest

from tests.kibana.asking import Answer, ask
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator

RULES = "/api/detection_engine/rules"


def body(rule_id: str = "one", **more: object) -> dict[str, Any]:
    return {
        "rule_id": rule_id, "type": "query", "name": f"Rule {rule_id}", "description": "d",
        "risk_score": 47, "severity": "medium", "index": ["logs-none"], "query": "a: b", **more,
    }  # fmt: skip


def made(simulator: Simulator, rule_id: str = "one", **more: object) -> dict[str, Any]:
    answer = ask(simulator, "POST", RULES, body(rule_id, **more))
    assert answer.status == 200, answer.text
    return dict(answer.json)


def test_a_rule_is_kept_with_defaults(kibana_alone: Simulator) -> None:
    kibana_alone.clock.set(1_700_000_000)
    rule = made(kibana_alone)
    assert rule["created_at"] == "2023-11-14T22:13:20.000Z"
    assert {**rule, "interval": "5m", "from": "now-6m", "to": "now", "max_signals": 100,
                       "enabled": False, "version": 1, "revision": 0, "immutable": False,
                       "language": "kuery", "created_by": "elastic", "exceptions_list": [],
                       "rule_source": {"type": "internal"}} == rule  # fmt: skip
    assert "execution_summary" not in rule
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "one"}).json == rule
    assert ask(kibana_alone, "GET", RULES, params={"id": rule["id"]}).json == rule


def test_a_rule_id_that_is_taken_is_a_conflict(kibana_alone: Simulator) -> None:
    made(kibana_alone)
    answer = ask(kibana_alone, "POST", RULES, body())
    assert answer.json == {"message": 'rule_id: "one" already exists', "status_code": 409}


def test_a_rule_that_is_not_there_is_404_in_the_shape_of_detections(
    kibana_alone: Simulator,
) -> None:
    answer = ask(kibana_alone, "GET", RULES, params={"rule_id": "none"})
    assert answer.json == {"message": 'rule_id: "none" not found', "status_code": 404}
    assert ask(kibana_alone, "PUT", RULES, body("none")).status == 404
    assert ask(kibana_alone, "PATCH", RULES, {"rule_id": "none", "name": "x"}).status == 404
    assert ask(kibana_alone, "DELETE", RULES, params={"rule_id": "none"}).status == 404
    assert ask(kibana_alone, "GET", RULES).json["status_code"] == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"severity": "dire"}, "severity: Invalid enum value. Expected 'low' | 'medium'"),
        ({"risk_score": 101}, "risk_score: Number must be less than or equal to 100"),
        ({"risk_score": "47"}, "risk_score: Expected number, received string"),
        ({"type": "magic"}, "type: Invalid discriminator value. Expected 'query'"),
        ({"tags": "a"}, "tags: Expected array, received string"),
        ({"from": "yesterday"}, "from: Failed to parse date-math expression"),
        ({"threat": [{"framework": "MITRE ATT&CK"}]}, "threat.0.tactic: Required"),
        ({"severity_mapping": [{"field": "a", "operator": "equals", "value": "1"}]},
         "severity_mapping.0.severity: Required"),
        ({"alert_suppression": {"group_by": ["a", "b", "c", "d"]}},
         "alert_suppression.group_by: Array must contain at most 3 element(s)"),
        ({"note": None}, "note: Expected string, received null"),
        ({"max_signals": 0}, "max_signals: Number must be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_said_by_field(
    kibana_alone: Simulator, change: dict[str, Any], message: str
) -> None:
    answer = ask(kibana_alone, "POST", RULES, body(**change))
    assert (answer.status, answer.json["error"]) == (400, "Bad Request")
    assert answer.json["message"].startswith(f"[request body]: {message}")


def test_fields_that_nobody_knows_are_left_out_in_silence(kibana_alone: Simulator) -> None:
    mapping = {"field": "a", "operator": "equals", "value": ""}
    threshold = {"field": [], "value": 1}
    rule = made(
        kibana_alone, madeUp=1, threshold=threshold, risk_score_mapping=[{**mapping, "x": 1}]
    )
    assert "madeUp" not in rule
    assert "threshold" not in rule  # it is not a field of a query rule
    assert rule["risk_score_mapping"] == [mapping]
    names = [name for _, name in kibana_alone.stripped]
    assert sorted(names) == ["madeUp", "risk_score_mapping.0.x", "threshold"]


@pytest.mark.parametrize(("version", "status"), [("8.19", 400), ("9.2", 200)])
def test_a_threshold_has_more_fields_from_9_2_on(version: str, status: int) -> None:
    threshold = {"field": ["a", "b", "c", "d"], "value": 2}
    with running(Options(version=version)) as simulator:
        given = body(type="threshold", threshold=threshold)
        assert ask(simulator, "POST", RULES, given).status == status


def test_put_takes_what_is_not_given_back_to_its_default_but_for_enabled(
    kibana_alone: Simulator,
) -> None:
    before = made(kibana_alone, note="n", tags=["t"], enabled=True, version=3)
    after = ask(kibana_alone, "PUT", RULES, body()).json
    assert "note" not in after
    assert (after["tags"], after["enabled"], after["version"]) == ([], True, 3)
    assert (after["id"], after["revision"]) == (before["id"], 1)


def test_a_put_that_changes_nothing_is_no_new_revision(kibana_alone: Simulator) -> None:
    made(kibana_alone)
    assert ask(kibana_alone, "PUT", RULES, body()).json["revision"] == 0
    assert ask(kibana_alone, "PUT", RULES, body(enabled=True)).json["revision"] == 0


def test_patch_changes_the_given_fields_only(kibana_alone: Simulator) -> None:
    made(kibana_alone, note="n", required_fields=[{"name": "host.name", "type": "keyword"}])
    after = ask(kibana_alone, "PATCH", RULES, {"rule_id": "one", "tags": ["t"], "enabled": True})
    assert (after.json["note"], after.json["tags"], after.json["enabled"]) == ("n", ["t"], True)
    assert after.json["required_fields"] == [{"name": "host.name", "type": "keyword", "ecs": True}]
    assert after.json["revision"] == 1


def test_in_9_4_enabled_is_changed_by_put_only() -> None:
    with running(Options(version="9.4")) as simulator:
        made(simulator)
        refused = ask(simulator, "PATCH", RULES, {"rule_id": "one", "enabled": True})
        assert refused.json == {
            "message": "The current user does not have the permissions to edit the following "
            "fields: enabled",
            "status_code": 403,
        }
        assert ask(simulator, "PUT", RULES, body(enabled=True)).json["enabled"] is True


def test_rules_are_found_by_filter_in_pages_and_sorted(kibana_alone: Simulator) -> None:
    for number in range(5):
        made(kibana_alone, f"r{number}", tags=["even"] if number % 2 == 0 else ["odd"])

    def find(**params: object) -> Any:  # noqa: ANN401
        return ask(kibana_alone, "GET", f"{RULES}/_find", params=params).json

    page = find(filter='alert.attributes.tags: "even"', sort_field="name", sort_order="asc",
                page=2, per_page=2)  # fmt: skip
    assert (page["page"], page["perPage"], page["total"]) == (2, 2, 3)
    assert [rule["rule_id"] for rule in page["data"]] == ["r4"]
    assert find(filter='alert.attributes.params.ruleId: "r1"')["total"] == 1
    assert find(filter="alert.attributes.enabled: true")["total"] == 0
    assert find(filter="broken: (")["status_code"] == 400
    assert find(sort_field="mood", sort_order="asc")["status_code"] == 400
    assert ask(kibana_alone, "GET", "/api/detection_engine/tags").json == ["even", "odd"]


def test_each_space_has_rules_of_its_own(kibana_alone: Simulator) -> None:
    made(kibana_alone)
    assert ask(kibana_alone, "POST", RULES, body(), space="soc").status == 200
    assert ask(kibana_alone, "DELETE", RULES, params={"rule_id": "one"}, space="soc").status == 200
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "one"}).status == 200


@pytest.mark.parametrize(
    ("version", "feature"),
    [
        ("8.19", "siemV2"),
        ("8.19", "siemV3"),
        ("9.2", "siemV4"),
        ("9.4", "securitySolutionRulesV4"),
        ("9.5", "securitySolutionRulesV4"),
    ],
)
def test_the_feature_of_the_version_lets_a_key_write_rules(version: str, feature: str) -> None:
    with running(Options(version=version)) as simulator:
        key = simulator.accounts.key_with(f"feature_{feature}.all", spaces=("default",))
        answer = ask(simulator, "POST", RULES, body(), key=key)
        assert (answer.status, answer.json.get("created_by")) == (200, "elastic")
        reader = simulator.accounts.key_with(f"feature_{feature}.read")
        assert ask(simulator, "GET", RULES, params={"rule_id": "one"}, key=reader).status == 200
        assert ask(simulator, "POST", RULES, body("two"), key=reader).status == 403


def _refused(answer: Answer) -> str:
    assert answer.status == 403
    return str(answer.json["message"])


def test_a_missing_privilege_is_named_as_the_version_names_it() -> None:
    for version, feature, name in (
        ("8.19", "dashboard_v2", "securitySolution"),
        ("9.2", "siemV5", "securitySolution"),
        ("9.5", "siemV5", "rules-all"),
    ):
        with running(Options(version=version)) as simulator:
            key = simulator.accounts.key_with(f"feature_{feature}.all")
            assert _refused(ask(simulator, "POST", RULES, body(), key=key)) == (
                f"API [POST {RULES}] is unauthorized for user, this action is granted by the "
                f"Kibana privileges [{name}]"
            )
    with running(Options(version="8.19")) as simulator:
        reader = simulator.accounts.key_with("feature_siemV3.read")
        said = _refused(ask(simulator, "POST", RULES, body(), key=reader))
        assert said == 'Unauthorized by "siem" to create "siem.queryRule" rule'


def test_a_key_bound_to_a_space_has_nothing_in_another(kibana_alone: Simulator) -> None:
    key = kibana_alone.accounts.key_with("feature_securitySolutionRulesV4.all", spaces=("default",))
    assert ask(kibana_alone, "POST", RULES, body(), key=key, space="nowhere").status == 403
    assert ask(kibana_alone, "POST", RULES, body(), space="nowhere").status == 200


def test_snoozing_is_kept_beside_the_rule(kibana_alone: Simulator) -> None:
    rule = made(kibana_alone)
    path = f"/api/alerting/rule/{rule['id']}"
    assert ask(kibana_alone, "POST", f"{path}/_mute_all").status == 204
    assert ask(kibana_alone, "GET", path).json["mute_all"] is True
    custom = {"start": "2026-01-01T00:00:00Z", "duration": "2h"}
    snoozed = ask(kibana_alone, "POST", f"{path}/snooze_schedule", {"schedule": {"custom": custom}})
    schedule = snoozed.json["schedule"]["id"]
    assert ask(kibana_alone, "DELETE", f"{path}/snooze_schedule/{schedule}").status == 204
    assert ask(kibana_alone, "GET", RULES, params={"rule_id": "one"}).json == rule
