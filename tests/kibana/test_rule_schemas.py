"""What the simulator takes and keeps as a rule, against Elastic's own schemas."""

from typing import Any

import pytest

from tests.kibana import rule_schemas
from tests.kibana.asking import ask
from tests.kibana.rules.checks import Report
from tests.kibana.rules.schema import checked
from tests.kibana.serving import running
from tests.kibana.simulator import Options
from tests.kibana.test_rules import RULES, body
from tests.kibana.versions import VERSIONS
from tests.shared_data import require

_REFERENCE = {"id": "TA0005", "name": "Defense Evasion",
              "reference": "https://attack.mitre.org/tactics/TA0005/"}  # fmt: skip
WHOLE: dict[str, Any] = {
    "author": ["Scoreback"], "tags": ["t"], "false_positives": ["f"], "references": ["r"],
    "license": "Elastic License v2", "note": "n", "setup": "s", "interval": "5m",
    "from": "now-9m", "to": "now", "max_signals": 100, "enabled": True, "meta": {"a": 1},
    "rule_name_override": "rule.name", "timestamp_override": "event.ingested",
    "building_block_type": "default", "investigation_fields": {"field_names": ["a"]},
    "threat": [{"framework": "MITRE ATT&CK", "tactic": _REFERENCE, "technique": []}],
    "risk_score_mapping": [{"field": "a", "operator": "equals", "value": ""}],
    "severity_mapping": [{"field": "a", "operator": "equals", "value": "1", "severity": "low"}],
    "required_fields": [{"name": "a", "type": "double"}],
    "related_integrations": [{"package": "endpoint", "version": "^8.2.0"}],
    "alert_suppression": {"group_by": ["a"], "duration": {"value": 1, "unit": "h"},
                          "missing_fields_strategy": "suppress"},
}  # fmt: skip
OF_TYPE: dict[str, dict[str, Any]] = {
    "query": {"language": "kuery"},
    "esql": {"language": "esql", "query": "FROM a"},
    "threshold": {
        "language": "kuery",
        "threshold": {"field": ["a"], "value": 2},
        "alert_suppression": {"duration": {"value": 1, "unit": "h"}},
    },
    "new_terms": {
        "language": "kuery",
        "new_terms_fields": ["a"],
        "history_window_start": "now-14d",
    },
}
IDENTITY = "8d9b2b1e-5b3b-4c0f-9a53-1b7a7e0a5a01"


@pytest.fixture(autouse=True)
def _schemas() -> None:
    require(rule_schemas.SCHEMAS)


@pytest.mark.parametrize("line", VERSIONS)
@pytest.mark.parametrize("kind", rule_schemas.TYPES)
def test_a_rule_that_is_kept_fits_the_schema_of_its_type_and_version(line: str, kind: str) -> None:
    given = body(IDENTITY, type=kind, **{**WHOLE, **OF_TYPE[kind]})
    if kind == "esql":
        del given["index"]
    with running(Options(version=line)) as simulator:
        answer = ask(simulator, "POST", RULES, given)
        assert answer.status == 200, answer.text
        assert simulator.stripped == []
    assert rule_schemas.problems(answer.json, line) == []


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "dire"},
        {"risk_score": 101},
        {"max_signals": 0},
        {"tags": "t"},
        {"interval": "soon"},
        {"threat": [{"framework": "MITRE ATT&CK"}]},
        {"investigation_fields": {}},
        {"alert_suppression": {"group_by": ["a", "b", "c", "d"]}},
        {"alert_suppression": {"group_by": ["a"], "duration": {"value": 0, "unit": "h"}}},
        {"risk_score_mapping": [{"field": "a", "operator": "above", "value": ""}]},
        {"enabled": "yes"},
    ],
)
def test_what_the_schema_refuses_the_simulator_refuses(change: dict[str, Any]) -> None:
    given = {**body(IDENTITY, author=["a"], language="kuery"), **change}
    report = Report()
    checked(given, VERSIONS["9.5"], report)
    assert report.errors
    assert rule_schemas.problems(given, "9.5")


def test_the_check_finds_what_no_schema_knows() -> None:
    given = body(IDENTITY, author=["a"], language="kuery", madeUp=1)
    assert rule_schemas.problems(given, "9.5") == [
        ": Additional properties are not allowed ('madeUp' was unexpected)"
    ]
