"""However an alert's document is written, the same is read of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.labels.hits import (
    Source,
    asked,
    decoded,
    entities,
    source_of,
)
from scoreback.errors import SiemUnavailable

FLAT: dict[str, Any] = {
    "kibana.alert.workflow_status": "closed",
    "kibana.alert.workflow_reason": "true_positive",
    "kibana.alert.workflow_user": "u_1",
    "kibana.alert.workflow_tags": ["x", "y"],
    "kibana.alert.case_ids": ["c"],
    "kibana.alert.ancestors": [
        {"id": "e", "index": "logs-x", "depth": 0, "type": "event"},
        {"id": "a", "index": ".internal", "depth": 1, "type": "signal", "rule": "r"},
    ],
    "kibana.alert.original_time": "2026-03-02T08:00:00.000Z",
    "kibana.alert.intended_timestamp": "2026-03-02T08:01:00.000Z",
    "kibana.alert.threshold_result": {"from": "2026-03-02T07:00:00.000Z"},
    "kibana.alert.rule.name": "Rule",
    "kibana.alert.rule.rule_id": "r-1",
    "kibana.alert.rule.uuid": "u-1",
    "kibana.alert.rule.type": "query",
    "kibana.alert.rule.tags": ["T"],
    "kibana.alert.rule.from": "now-6m",
    "kibana.alert.rule.parameters": {"from": "now-6m"},
    "@timestamp": "2026-03-02T08:01:00.000Z",
    "source": {"ip": "10.0.0.1"},
    "scoreback": {"event": {"id": "e-1"}},
}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """*flat* with an object for every dot."""
    found: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        level = found
        for key in above:
            level = level.setdefault(key, {})
        level[last] = value
    return found


def page(*sources: dict[str, Any]) -> bytes:
    hits = [
        {"_id": f"{n}", "_index": "i", "_source": s, "sort": [n]} for n, s in enumerate(sources)
    ]
    return json.dumps({"pit_id": "p", "hits": {"hits": hits}}).encode()


def said(source: Source) -> dict[str, object]:
    """What *source* tells, in one form."""
    users = source.user if isinstance(source.user, list) else [source.user or ""]
    since = None if source.threshold is None else source.threshold.since
    return {
        "status": source.status, "reason": source.reason, "users": users, "tags": source.tags,
        "ancestors": [(one.id, one.index, one.depth) for one in source.ancestors],
        "times": (source.original, source.intended, source.created, since, source.rule_from),
        "rule": (source.rule_name, source.rule_id, source.rule_uuid, source.rule_type),
        "event": source.event_of_score, "cases": source.cases, "rule_tags": source.rule_tags,
    }  # fmt: skip


@given(members=st.sets(st.sampled_from(sorted(FLAT))))
def test_flat_and_nested_documents_say_the_same(members: set[str]) -> None:
    flat = {name: FLAT[name] for name in {*members, "kibana.alert.workflow_status"}}
    hits, pit = decoded(page(flat, flat))
    (other, _), _ = decoded(page(nested(flat), flat))
    assert pit == "p"
    assert [hit.sort for hit in hits] == [[0], [1]]
    assert said(hits[0].source) == said(other.source) | {"users": said(hits[0].source)["users"]}
    assert said(source_of(flat))["users"] in ([], ["u_1"])


def test_a_value_of_another_type_costs_one_page_its_speed_and_no_alert() -> None:
    odd = FLAT | {"kibana.alert.workflow_reason": ["other"], "kibana.alert.workflow_user": None}
    hits, _ = decoded(page(FLAT, odd, {"kibana.alert.workflow_tags": "one"}))
    assert [hit.source.reason for hit in hits] == ["true_positive", "other", None]
    assert hits[2].source.tags == ["one"]


def test_an_entity_is_one_value() -> None:
    body = page(FLAT, {"source.ip": ["10.0.0.2"]}, {"source.ip": ["a", "b"]}, {"source": {}},
                {"source": {"ip": 7}})  # fmt: skip
    assert entities(body, "source.ip", range(5)) == {0: "10.0.0.1", 1: "10.0.0.2", 4: "7"}
    assert entities(body, "source.ip", [1]) == {1: "10.0.0.2"}


def test_what_is_asked_of_a_document_is_what_is_read_of_it() -> None:
    for name in FLAT.keys() - {"source", "scoreback", "kibana.alert.rule.parameters"}:
        assert any(one.startswith(name) for one in asked("source.ip")), name
    assert {"source.ip", "scoreback.event.id"} <= set(asked("source.ip"))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"hits": {"hits": [', b'{"took": 1}'])
def test_what_is_no_answer_of_a_search_is_an_outage(body: bytes) -> None:
    with pytest.raises(SiemUnavailable):
        decoded(body)
