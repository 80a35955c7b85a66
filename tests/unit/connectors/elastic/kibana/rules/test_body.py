"""An alert rule as a detection rule: what it reads, what an alert is worth, what it tells."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.elastic.kibana.rules.body import (
    EVERY,
    MOST_SIGNALS,
    READS_AGAIN,
    limits,
    look_back,
    rule_id,
    wanted,
)
from scoreback.connectors.elastic.kibana.rules.kql import kql
from scoreback.connectors.elastic.kibana.versions import SINCE, Version, differences
from scoreback.connectors.elastic.names import Names
from scoreback.deployment import AlertRule, Delivery
from scoreback.records import Severity, Stage
from tests.shared_data import DATA, require
from tests.unit.connectors.elastic.kibana.rules.examples import (
    NAMES,
    events_rule,
    health_rule,
    rule,
)

NEWEST = SINCE[max(SINCE)]
SCHEMAS = DATA.parent / "vendor" / "elastic-rule-schemas"
# What the API takes and the schemas of Elastic's own rules, which are files, do not list.
NOT_IN_FILES = ("enabled", "timestamp_override_fallback_disabled")


def body(
    of: AlertRule, *, suppresses: bool = False, version: Version | None = None
) -> dict[str, Any]:
    kibana = NEWEST if version is None else differences(version)
    return wanted(of, NAMES, kibana, suppresses=suppresses).body


def schemas() -> Iterator[tuple[str, Path]]:
    for line in ("8.19", "9.2", "9.3", "9.4", "9.5"):
        yield line, SCHEMAS / f"{line}.TYPE.json"


@pytest.mark.parametrize("suppresses", [False, True])
@pytest.mark.parametrize(
    "of",
    [
        rule(),
        rule(
            attack=(), delivery=Delivery.RISK, severity=Severity.CRITICAL, owner="", description=""
        ),
        health_rule(),
        events_rule(),
        events_rule(
            "logs-b-*",
            "-logs-b-old",
            "east:logs-b-*",
            delivery=Delivery.RISK,
            severity=Severity.LOW,
        ),
    ],
)
@pytest.mark.parametrize(("line", "path"), list(schemas()))
def test_elastics_own_schema_of_each_version_takes_the_rule(
    of: AlertRule, line: str, path: Path, suppresses: bool
) -> None:
    require(SCHEMAS)
    found = body(of, suppresses=suppresses, version=Version.of(line))
    schema = json.loads(Path(str(path).replace("TYPE", found["type"])).read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(
        {key: value for key, value in found.items() if key not in NOT_IN_FILES}
    )


def test_a_rule_reads_what_is_in_force_by_when_the_cluster_got_it() -> None:
    found = body(rule())
    assert found["index"] == ["scoreback.scores-soc"]
    assert found["query"] == (
        'scoreback.detector: "exfil_dns" and scoreback.version: "v3-1f2e3d4c"'
        ' and scoreback.stage: "live" and scoreback.alert: true'
    )
    assert found["timestamp_override"] == "event.ingested"
    assert (found["interval"], found["from"], found["to"]) == ("5m", "now-365m", "now")


def test_a_health_rule_reads_the_health_of_all_detectors() -> None:
    found = body(health_rule())
    assert found["index"] == ["scoreback.health-soc"]
    assert found["query"] == (
        'scoreback.health.kind: "condition" and scoreback.health.subject: "stale"'
    )


@given(st.text(min_size=1, max_size=30))
def test_whatever_a_name_is_it_stays_one_value_of_the_query(name: str) -> None:
    one_text = r'"(?:[^"\\\n\r]|\\.)*"'
    shape = f"scoreback.detector: {one_text} and scoreback.version: {one_text}"
    found = kql(rule(detector=name, version=name))
    assert re.match(f"{shape} and scoreback.stage: ", found)


def test_a_rule_of_no_version_looks_at_the_scores_of_any() -> None:
    assert "scoreback.version" not in kql(rule(version=""))


@given(st.text(max_size=30), st.text(max_size=30))
def test_two_names_are_two_queries(one: str, other: str) -> None:
    assert (kql(rule(detector=one)) == kql(rule(detector=other))) == (one == other)


def test_the_id_of_a_rule_is_for_ever_the_same_and_differs_by_namespace() -> None:
    assert rule_id(NAMES, "a") == "e9ad60a9-128a-5a81-8bd3-7bc9fc70c3f0"
    ids = {rule_id(Names(space), name) for space in ("a", "ab") for name in ("bc", "c")}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("every", "text"),
    [(EVERY, "now-365m"), (timedelta(hours=1), "now-7h"), (timedelta(seconds=90), "now-21690s")],
)
def test_a_rule_looks_back_its_interval_and_what_may_come_late(every: timedelta, text: str) -> None:
    assert READS_AGAIN >= LOOK_BACK
    assert look_back(every) == text


@pytest.mark.parametrize(
    ("budget", "signals"), [(0.5, 100), (20.0, 200), (33.3, 333), (5_000.0, MOST_SIGNALS)]
)
def test_one_run_may_raise_days_of_the_budget_but_no_more_than_kibana_does(
    budget: float, signals: int
) -> None:
    assert body(rule(budget=budget))["max_signals"] == signals


def test_a_burst_that_kibana_would_cut_is_told() -> None:
    assert limits(rule(budget=500.0)) == ()
    (told,) = limits(rule(budget=501.0))
    assert "more than 1,000 alerts at once" in told


def test_risk_and_severity_are_the_scores_and_never_below_the_files() -> None:
    found = body(rule(severity=Severity.MEDIUM))
    assert (found["severity"], found["risk_score"]) == ("medium", 47)
    assert found["risk_score_mapping"][0]["field"] == "event.risk_score"
    raised = {(m["value"], m["severity"]) for m in found["severity_mapping"]}
    assert raised == {("73", "high"), ("99", "critical")}
    assert body(rule(severity=Severity.CRITICAL))["severity_mapping"] == []


def test_techniques_stand_under_their_tactics_and_unknown_ones_are_told() -> None:
    of = rule(attack=("T1071.004", "T1078", "T9999"))
    threat = {entry["tactic"]["name"]: entry["technique"] for entry in body(of)["threat"]}
    assert list(threat) == [
        "Initial Access", "Persistence", "Privilege Escalation", "Defense Evasion",
        "Command and Control",
    ]  # fmt: skip
    (control,) = threat["Command and Control"]
    assert (control["id"], control["name"]) == ("T1071", "Application Layer Protocol")
    assert control["subtechnique"] == [
        {
            "id": "T1071.004", "name": "DNS",
            "reference": "https://attack.mitre.org/techniques/T1071/004/",
        }
    ]  # fmt: skip
    assert "Tactic: Command and Control" in body(of)["tags"]
    (told,) = limits(of)
    assert "names T9999" in told


def test_an_analyst_sees_the_reasons_and_the_entity_first() -> None:
    shown = body(rule())["investigation_fields"]["field_names"]
    assert shown[:2] == ["event.reason", "source.ip"]


def test_risk_is_delivered_as_a_building_block() -> None:
    assert "building_block_type" not in body(rule())
    assert body(rule(delivery=Delivery.RISK))["building_block_type"] == "default"


def test_alerts_are_suppressed_only_where_the_licence_has_it_and_something_is_to_be() -> None:
    assert "alert_suppression" not in body(rule())
    assert "alert_suppression" not in body(rule(throttle=timedelta(0)), suppresses=True)
    found = body(rule(throttle=timedelta(minutes=90)), suppresses=True)["alert_suppression"]
    assert found == {
        "group_by": ["scoreback.entity"],
        "duration": {"value": 90, "unit": "m"},
        "missing_fields_strategy": "doNotSuppress",
    }
    assert "alert_suppression" not in body(health_rule(), suppresses=True)


def test_the_notes_say_how_to_close_in_the_words_of_the_version() -> None:
    newest = body(rule(), version=Version(9, 5))["note"]
    assert "**Benign positive**" in newest
    assert "For your own reasons" in newest
    assert "For your own reasons" not in body(rule(), version=Version(9, 2))["note"]
    oldest = body(rule(), version=Version(8, 19))["note"]
    assert "tag the alert, then close it" in oldest


def test_texts_of_a_file_become_no_link_html_or_plug_in_of_the_notes() -> None:
    nasty = '<img src=x onerror=a()>\n# x [y](javascript:z) !{investigate{"a":1}} `q` {{m}}'
    found = body(rule(owner=nasty, notes=nasty, description=nasty))
    assert not re.search(r"(?<!\\)<img|(?<!\\)\]\(|(?<!\\)!\{", found["note"])
    assert "\n" not in found["description"] + found["name"]


def test_a_rule_says_whose_it_is_in_elastics_form_of_tags() -> None:
    assert body(rule())["tags"][:3] == [
        "Scoreback", "Scoreback Detector: exfil_dns", "Data Source: Scoreback",
    ]  # fmt: skip
    assert "Scoreback Health" in body(health_rule())["tags"]


def test_audits_are_low_alerts_with_a_tag_of_their_own_whatever_their_scores() -> None:
    found = body(rule("exfil_dns.audit", stage=Stage.AUDIT, severity=Severity.LOW))
    assert found["tags"][:3] == ["Scoreback", "Scoreback Detector: exfil_dns.audit",
                                 "Scoreback Audit"]  # fmt: skip
    assert (found["severity"], found["risk_score"], found["severity_mapping"]) == ("low", 21, [])
    assert "Scoreback Audit" not in body(rule())["tags"]


@pytest.mark.parametrize(
    ("use_case", "tag"),
    [("threat_detection", "Threat Detection"), ("vulnerability_management", "Vulnerability")],
)
def test_the_use_case_of_a_detector_is_a_tag(use_case: str, tag: str) -> None:
    assert f"Use Case: {tag}" in body(rule(use_case=use_case))["tags"]
    assert not [tag for tag in body(rule())["tags"] if tag.startswith("Use Case")]


def test_nothing_of_a_rule_depends_on_a_clock_or_on_order() -> None:
    again = replace(rule(), attack=tuple(reversed(rule().attack)))
    assert body(rule()) == body(again)
