"""What an event gives its alert: severity, risk, name, reason, and a copy that fits ECS."""

from typing import Any

import pytest

from tests.kibana.runner.overrides import overrides
from tests.kibana.runner.source import copied

SEVERITY = {"operator": "equals", "field": "event.severity"}
RULE: dict[str, Any] = {
    "name": "R", "severity": "low", "risk_score": 21,
    "severity_mapping": [
        {**SEVERITY, "value": "99", "severity": "critical"},
        {**SEVERITY, "value": "73", "severity": "high"},
        {"operator": "equals", "field": "user.name", "value": "root", "severity": "medium"},
    ],
    "risk_score_mapping": [{"field": "event.risk_score", "operator": "equals", "value": ""}],
    "rule_name_override": "rule.name",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ({}, "low"),
        ({"event": {"severity": 73}}, "high"),
        ({"event.severity": "73"}, "high"),
        ({"event": {"severity": 73.9}}, "high"),
        ({"event": {"severity": 74}}, "low"),
        ({"event": {"severity": [73, 99]}}, "critical"),
        ({"event": {"severity": 99}, "user": {"name": "root"}}, "critical"),
        ({"user": {"name": "Root"}}, "low"),
    ],
)
def test_the_highest_severity_whose_exact_value_the_event_has(
    source: dict[str, Any], severity: str
) -> None:
    assert overrides(RULE, source)["kibana.alert.severity"] == severity


@pytest.mark.parametrize(
    ("value", "risk"), [(88.5, 88.5), ("12", 12), ([3, 40, 900], 40), (-1, 21), ("x", 21)]
)
def test_a_risk_score_is_the_events_if_it_is_one(value: object, risk: float) -> None:
    found = overrides(RULE, {"event": {"risk_score": value}})
    assert found["kibana.alert.risk_score"] == risk


def test_a_name_is_text_of_the_event_and_the_reason_says_it() -> None:
    source = {"rule": {"name": ["Odd login"]}, "user": {"name": "ann"}, "event.category": ["iam"]}
    found = overrides(RULE, source)
    assert found["kibana.alert.rule.name"] == "Odd login"
    assert found["kibana.alert.reason"] == "iam event by ann created low alert Odd login."
    assert overrides(RULE, {"rule": {"name": 7}})["kibana.alert.rule.name"] == "R"


def test_what_does_not_fit_ecs_is_left_out_of_the_copy() -> None:
    source = {"host": "web-1", "user": {"name": {"first": "a"}, "id": "1"}, "own": {"x": 1}}
    assert copied({"_source": source})["_source"] == {"user": {"id": "1"}, "own": {"x": 1}}


def test_fields_of_the_mapping_alone_are_added_but_no_multi_field() -> None:
    hit = {
        "_source": {"user": {"name": "ann"}},
        "fields": {"user.name": ["ann"], "user.name.text": ["ann"], "data_stream.type": ["logs"],
                   "tags": ["a", "b"], "_tier": ["hot"]},
    }  # fmt: skip
    assert copied(hit)["_source"] == {
        "user": {"name": "ann"},
        "data_stream.type": "logs",
        "tags": ["a", "b"],
    }
