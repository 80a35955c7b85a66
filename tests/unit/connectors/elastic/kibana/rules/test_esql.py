"""A rule over events that have a score beside them, in ES|QL."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.rules.body import READS_AGAIN, limits, text_of, wanted
from scoreback.connectors.elastic.kibana.rules.esql import SEVERITY
from scoreback.connectors.elastic.kibana.versions import Version, differences
from scoreback.deployment import AlertRule, Reads, rule_body, rule_from
from scoreback.errors import SiemRefused
from tests.unit.connectors.elastic.kibana.rules.examples import NAMES, events_rule, rule


def body(of: AlertRule, version: str = "9.5", clusters: tuple[str, ...] = ()) -> dict[str, Any]:
    kibana = differences(Version.of(version))
    return wanted(of, NAMES, kibana, suppresses=False, clusters=clusters).body


def test_events_are_joined_with_the_scores_that_are_in_force() -> None:
    assert body(events_rule())["query"] == (
        'FROM "logs-endpoint.events.*" METADATA _id, _index, _version\n'
        "| EVAL scoreback.event.index = _index, scoreback.event.id = _id\n"
        "| LOOKUP JOIN scoreback-lookup-events-soc ON scoreback.event.index, scoreback.event.id\n"
        '| WHERE scoreback.detector == "exfil_dns" AND scoreback.version == "v3-1f2e3d4c"'
        ' AND scoreback.stage == "live" AND scoreback.alert == true\n'
        "| EVAL scoreback.severity = CASE(scoreback.risk >= 99, 99, scoreback.risk >= 73, 73,"
        " scoreback.risk >= 47, 47, 21)\n"
        "| SORT @timestamp\n"
        "| KEEP _id, _index, _version, @timestamp, scoreback.*"
    )


def test_a_version_that_joins_by_one_field_compares_the_index() -> None:
    query = body(events_rule(), "8.19")["query"]
    assert "LOOKUP JOIN scoreback-lookup-events-soc ON scoreback.event.id\n" in query
    assert "WHERE scoreback.event.index == _index AND scoreback.detector" in query
    assert "EVAL scoreback.event.id = _id\n" in query  # what is joined is not written over


def test_events_are_read_by_their_arrival_and_else_by_their_own_time() -> None:
    found = body(events_rule())
    assert (found["type"], found["language"]) == ("esql", "esql")
    assert found["timestamp_override"] == "event.ingested"
    assert found["timestamp_override_fallback_disabled"] is False
    assert "index" not in found
    other = replace(events_rule(), selection={"index": "a", "arrival": "event.created"})
    assert body(other)["timestamp_override"] == "event.created"


def test_an_alert_is_worth_its_score_and_not_what_the_event_says() -> None:
    found = body(events_rule())
    assert [one["field"] for one in found["risk_score_mapping"]] == ["scoreback.risk"]
    assert {one["field"] for one in found["severity_mapping"]} == {SEVERITY}
    assert found["investigation_fields"]["field_names"][:3] == [
        "scoreback.reason", "source.ip", "scoreback.risk",
    ]  # fmt: skip
    assert "`event.reason`" not in found["note"]


def test_events_of_other_clusters_are_left_out_and_told() -> None:
    of = events_rule("logs-a", "logs-b")
    assert body(of, clusters=("", "east"))["query"].startswith('FROM "logs-a", "logs-b" METADATA')
    told = limits(of, ("", "east"))
    assert [text for text in told if "another cluster" in text] == [
        f"alert rule 'exfil_dns' does not read {name}, which is in another cluster than the scores"
        for name in ("east:logs-a", "east:logs-b")
    ]
    with pytest.raises(SiemRefused, match="cannot read events of remote clusters"):
        body(of, clusters=("east",))


def test_what_is_scored_too_late_for_such_a_rule_is_told() -> None:
    assert f"scored more than {text_of(READS_AGAIN)} after it arrived" in limits(events_rule())[0]
    assert not limits(rule())


@given(st.text(min_size=1, max_size=30))
def test_whatever_a_name_is_it_stays_one_value_of_the_query(name: str) -> None:
    one = r'"(?:[^"\\\n\r]|\\.)*"'
    query = body(events_rule(detector=name, version=name))["query"]
    assert re.search(
        rf"\n\| WHERE scoreback\.detector == {one} AND scoreback\.version == {one} AND", query
    )


def test_what_it_reads_goes_into_its_document_and_back() -> None:
    of = events_rule()
    assert rule_from(rule_body(of)) == of
    assert not {"reads", "selection"} & set(rule_body(rule()))  # documents of before stay the same
    assert rule_from(rule_body(rule())).reads is Reads.SCORES


def test_a_rule_over_events_without_a_selection_is_none() -> None:
    with pytest.raises(ValueError, match="by a selection"):
        rule(reads=Reads.EVENTS)
