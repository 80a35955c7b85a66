import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk.rules.spl import (
    filter_name,
    harmless,
    in_eval,
    in_search,
    rule_name,
    search_name,
    search_of,
)
from scoreback.deployment import AlertRule, RuleKind
from scoreback.errors import SiemRefused
from scoreback.health import OWN
from scoreback.naming import alert_id
from scoreback.records import Severity

RULE = AlertRule(
    name="exfil-dns",
    detector="exfil-dns",
    version="v3-1f2e3d4c",
    per_entity=3,
    throttle=timedelta(hours=1),
    budget=20.0,
    severity=Severity.HIGH,
    entity_field="source.ip",
)
STALE = replace(
    RULE, name="health.stale", detector=OWN, version="", kind=RuleKind.HEALTH,
    notes="docs/runbook/stale.md",
)  # fmt: skip
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def test_a_rule_looks_at_live_scores_of_its_version_that_are_to_alert() -> None:
    first, *commands = search_of(RULE).split(" | ")
    assert first.split() == [
        "`scoreback_index`",
        "sourcetype=scoreback:score",
        'scoreback_detector="exfil-dns"',
        'scoreback_version="v3-1f2e3d4c"',
        "scoreback_stage=live",
        "scoreback_alert=true",
    ]
    assert commands[0] == "dedup scoreback_score_id"
    assert commands[-1] == f"`{filter_name('exfil-dns')}`"


def test_splunk_names_an_alert_as_the_service_does() -> None:
    said = re.search(r'substr\(sha256\("([^"]+)"\.scoreback_score_id\),1,24\)', search_of(RULE))
    assert said is not None
    found = hashlib.sha256(f"{said[1]}abc".encode()).hexdigest()[:24]
    assert found == alert_id("exfil-dns", "abc")


def test_a_rule_about_health_says_why_and_where_its_runbook_is() -> None:
    search = search_of(STALE)
    assert "where scoreback_health_status_stale=1" in search
    assert '"see docs/runbook/stale.md"' in search
    assert 'scoreback_detector="scoreback.health"' in search


def test_two_rules_share_neither_a_search_nor_a_filter() -> None:
    names = ["health.stale", "health_stale", "health-stale", "stale"]
    assert len({search_name(name) for name in names}) == len(names)
    assert len({filter_name(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+_filter", filter_name(name)) for name in names)


def test_the_rule_is_known_by_its_search() -> None:
    for name in ("exfil-dns", "health.stale"):
        assert rule_name(search_name(name)) == name
    assert rule_name("Threat - Somebody else's - Rule") is None


@given(st.text(min_size=1))
def test_a_name_that_could_mean_something_in_a_search_is_refused(name: str) -> None:
    rule = replace(RULE, detector=name)
    if re.fullmatch(r"[A-Za-z0-9_.:\-]{1,200}", name):
        assert f'scoreback_detector="{name}"' in search_of(rule)
    else:
        with pytest.raises(SiemRefused, match="cannot be part of a search"):
            search_of(rule)


@given(st.text())
def test_a_quoted_value_stays_one_value(value: str) -> None:
    text = in_search(value)
    assert _QUOTED.fullmatch(text)
    inside = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    assert inside == value


@given(st.text())
def test_notes_never_end_the_text_that_they_are_in(notes: str) -> None:
    plain = len(search_of(STALE).split(" | "))
    search = search_of(replace(STALE, notes=notes))
    outside = _QUOTED.sub('""', search)
    assert len(outside.split(" | ")) == plain
    assert search.count("`") == search_of(STALE).count("`")
    assert "$" not in search
    assert "\n" not in search


@pytest.mark.parametrize("text", ["$user$", "`macro`", "a\r\nb", "x | delete"])
def test_what_splunk_would_replace_in_a_text_is_made_harmless(text: str) -> None:
    found = harmless(text)
    assert not set(found) & set("$`\r\n")
    assert _QUOTED.fullmatch(in_eval(text))
