import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk.rules.enterprise_security import RISKS, entity_type
from scoreback.connectors.splunk.rules.mark import ACTIONS, SavedSearch, marked
from scoreback.connectors.splunk.rules.stanza import PARAM, wanted
from scoreback.deployment import AlertRule, Delivery, Standing, rule_from
from scoreback.records import Severity, Stage
from tests.unit.connectors.splunk.rules.test_spl import RULE, STALE

RISK = replace(RULE, delivery=Delivery.RISK, attack=("T1071.004",))


def with_es(rule: AlertRule) -> dict[str, str]:
    return wanted(rule, enterprise_security=True).ours


def there(rule: AlertRule, changed: Mapping[str, str] = MappingProxyType({})) -> SavedSearch:
    """The saved search of *rule* as we wrote it, with what somebody changed since."""
    will = wanted(rule, enterprise_security=False)
    content = {
        **will.ours, **will.followed, **marked(will), ACTIONS: ",".join(will.actions),
        "disabled": "0",
    }  # fmt: skip
    return SavedSearch.of({**content, **changed})


def stands(found: SavedSearch, rule: AlertRule, *, enterprise_security: bool = False) -> Standing:
    return found.standing(rule.name, wanted(rule, enterprise_security=enterprise_security)).standing


def test_without_enterprise_security_it_is_a_plain_alert_with_the_apps_action() -> None:
    will = wanted(RULE, enterprise_security=False)
    assert will.actions == ("scoreback_alert",)
    assert will.ours["alert.track"] == "1"
    assert will.ours[f"{PARAM}delivery"] == "alert"
    assert will.followed == {f"{PARAM}throttle": "3600"}
    assert not [key for key in will.ours if "notable" in key or "correlationsearch" in key]


def test_risk_is_an_anomaly_and_opens_no_finding() -> None:
    will = wanted(RISK, enterprise_security=True)
    assert will.actions == ("risk", "scoreback_alert")
    annotations = json.loads(will.ours["action.correlationsearch.annotations"])
    assert (annotations["type"], annotations["mitre_attack"]) == ("Anomaly", ["T1071.004"])
    (risk,) = json.loads(will.ours["action.risk.param._risk"])
    assert risk == {
        "risk_object_field": "scoreback_entity", "risk_object_type": "system", "risk_score": 73,
    }  # fmt: skip


def test_an_audit_is_a_low_finding_that_says_nothing_against_its_entity() -> None:
    audit = replace(
        RULE, name="triage.audit", stage=Stage.AUDIT, severity=Severity.LOW,
        delivery=Delivery.FINDING,
    )  # fmt: skip
    for enterprise_security in (True, False):
        ours = wanted(audit, enterprise_security=enterprise_security).ours
        assert ours["alert.severity"] == "2"
        assert "scoreback_stage=audit" in ours["search"]
    ours = with_es(audit)
    assert ours["action.notable.param.severity"] == "low"
    (entity,) = json.loads(ours["action.notable.param._entities"])
    assert entity["risk_score"] == 1
    assert "sample" in ours["action.escu.known_false_positives"]


def test_what_only_a_shadow_would_show_is_a_finding_of_no_version() -> None:
    explore = replace(
        RULE, name="triage.explore", stage=Stage.EXPLORE, version="", delivery=Delivery.FINDING
    )
    ours = with_es(explore)
    assert "scoreback_stage=explore" in ours["search"]
    assert "scoreback_version" not in ours["search"]
    assert "would raise this alert" in ours["action.escu.known_false_positives"]
    metadata = json.loads(ours["action.correlationsearch.metadata"])
    assert metadata["detection_version"] == "1"


def test_a_finding_has_the_rules_severity_and_the_events_own_time() -> None:
    ours = with_es(RULE)
    assert ours["action.notable.param.severity"] == "high"
    for drilldown in json.loads(ours["action.notable.param.drilldown_searches"]):
        assert drilldown["earliest_offset"] == "$scoreback_around_from$"
        assert drilldown["latest_offset"] == "$scoreback_around_to$"


@pytest.mark.parametrize(
    ("severity", "least", "most"), [("low", 21, 40), ("medium", 41, 60), ("high", 61, 80),
                                    ("critical", 81, 100)],
)  # fmt: skip
def test_the_risk_of_a_severity_gives_that_severity_in_splunks_own_content(
    severity: str, least: int, most: int
) -> None:
    assert least <= RISKS[Severity(severity)] <= most


def test_the_throttle_is_that_of_the_rule_and_a_score_is_never_told_twice() -> None:
    assert wanted(RULE, enterprise_security=True).followed == {
        "alert.suppress": "1",
        "alert.suppress.fields": "scoreback_suppress",
        "alert.suppress.period": "3600s",
    }
    without = wanted(replace(RULE, throttle=timedelta(0)), enterprise_security=True).followed
    assert without["alert.suppress.fields"] == "scoreback_score_id"
    assert (
        int(without["alert.suppress.period"].removesuffix("s")) > 3600
    )  # longer than it looks back


def test_a_rule_about_health_tells_of_a_detector_once_a_day() -> None:
    followed = wanted(STALE, enterprise_security=True).followed
    assert followed["alert.suppress.period"] == "86400s"
    assert followed["alert.suppress.fields"] == "scoreback_suppress"


def test_a_paused_rule_is_not_scheduled_and_whether_it_is_enabled_is_never_said() -> None:
    will = wanted(replace(RULE, paused=True), enterprise_security=False)
    assert will.ours["is_scheduled"] == "0"
    assert "disabled" not in {*will.ours, *will.followed}


@pytest.mark.parametrize(
    ("field", "kind"),
    [("source.ip", "system"), ("user.name", "user"), ("host.name", "system"),
     ("dns.question.name", "other"), ("source.user.name", "user")],
)  # fmt: skip
def test_an_entity_is_a_user_a_system_or_something_else(field: str, kind: str) -> None:
    assert entity_type(field) == kind


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_detector_becomes_a_token_or_breaks_json(
    description: str, owner: str, notes: str
) -> None:
    rule = replace(RULE, description=description, owner=owner, notes=notes)
    tokens = {"scoreback_entity", "event_risk_score", "scoreback_reasons"}
    for delivery in (Delivery.RISK, Delivery.FINDING):
        ours = with_es(replace(rule, delivery=delivery))
        for key, value in ours.items():
            assert "\n" not in value
            if key.endswith(("_description", "_title", "_message", "eli5", "description", "owner")):
                assert {t for t in re.findall(r"\$([^$]*)\$", value) if t} <= tokens, (key, value)
            if key.endswith(("_risk", "_entities", "annotations", "metadata", "searches", "body")):
                json.loads(value)
    assert rule_from(json.loads(ours[f"{PARAM}body"])) == replace(rule, delivery=Delivery.FINDING)


def test_what_we_wrote_is_current_and_outdated_after_a_new_version() -> None:
    assert stands(there(RULE), RULE) is Standing.CURRENT
    newer = replace(RULE, version="v4-aa")
    assert stands(there(RULE), newer) is Standing.OUTDATED
    assert there(RULE).standing(RULE.name, wanted(newer, enterprise_security=False)).differences


@pytest.mark.parametrize(
    ("key", "value"),
    [("search", "index=*"), ("cron_schedule", "0 * * * *"), ("dispatch.index_earliest", "-1m"),
     (f"{PARAM}body", "{}"), (f"{PARAM}per_entity", "99"), ("actions", "email")],
)  # fmt: skip
def test_a_hand_in_what_is_ours_is_told(key: str, value: str) -> None:
    assert stands(there(RULE, {key: value}), RULE) is Standing.EDITED


@pytest.mark.parametrize(
    ("key", "value"),
    [("disabled", "1"), (f"{PARAM}throttle", "60"), ("actions", "email,scoreback_alert"),
     ("alert.expires", "2d"), ("alert.suppress", "1")],
)  # fmt: skip
def test_what_is_the_users_is_no_edit(key: str, value: str) -> None:
    assert stands(there(RULE, {key: value}), RULE) is Standing.CURRENT


def test_a_throttle_that_nobody_changed_follows_the_file() -> None:
    slower = replace(RULE, throttle=timedelta(hours=4))
    assert stands(there(RULE), slower) is Standing.OUTDATED
    will = wanted(slower, enterprise_security=False)
    assert there(RULE).followed(will) == {f"{PARAM}throttle": "14400"}
    assert there(RULE, {f"{PARAM}throttle": "60"}).followed(will) == {}


def test_a_search_without_our_mark_is_somebody_elses() -> None:
    plain = SavedSearch.of({"search": "index=main", "actions": "email"})
    assert stands(plain, RULE) is Standing.FOREIGN
    cloned = there(RULE)
    will = wanted(replace(RULE, name="other"), enterprise_security=False)
    assert cloned.standing("other", will).standing is Standing.FOREIGN


def test_switches_are_the_same_however_splunk_writes_them() -> None:
    found = there(RULE, {"is_scheduled": "true", "is_visible": "False", "realtime_schedule": "f"})
    assert stands(found, RULE) is Standing.CURRENT


def test_enterprise_security_that_comes_later_makes_the_rule_outdated() -> None:
    assert stands(there(RULE), RULE, enterprise_security=True) is Standing.OUTDATED
