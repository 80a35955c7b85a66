"""Alerts look as Kibana writes them, and their index maps what Kibana maps."""

import json
from typing import Any

from tests.kibana import alert_fields, alerts_index
from tests.kibana.alert_document import alert_id, document
from tests.shared_data import DATA, require

VENDOR = DATA.parent / "vendor"

RULE: dict[str, Any] = {
    "id": "2b0a",
    "rule_id": "r-1",
    "name": "High score",
    "type": "query",
    "severity": "high",
    "risk_score": 73,
    "tags": ["Scoreback"],
    "version": 1,
    "revision": 0,
    "enabled": True,
}
HIT: dict[str, Any] = {
    "_index": ".ds-logs-x-000001",
    "_id": "e1",
    "_source": {
        "@timestamp": "2026-11-01T10:00:00.000Z",
        "event": {"kind": "event", "category": ["process"], "risk_score": 12.5},
        "host": {"name": "web-1"},
        "scoreback.score": 0.9,
    },
}


def _made(hit: dict[str, Any], **overrides: object) -> dict[str, Any]:
    return document(
        RULE,
        [hit],
        identifier="a1",
        space="soc",
        now="2026-11-01T10:05:00.000Z",
        kibana_version="9.5.2",
        execution="x1",
        indices=["logs-*"],
        overrides=overrides,
    )


def test_an_alert_has_its_event_and_says_where_it_came_from() -> None:
    alert = _made(HIT)
    assert alert["host"] == {"name": "web-1"}
    assert alert["scoreback.score"] == 0.9
    assert alert["kibana.alert.ancestors"] == [
        {"id": "e1", "type": "event", "index": ".ds-logs-x-000001", "depth": 0}
    ]
    assert alert["kibana.alert.original_time"] == "2026-11-01T10:00:00.000Z"
    assert alert["kibana.alert.original_event.risk_score"] == 12.5
    assert (alert["event.kind"], alert["kibana.alert.original_event.kind"]) == ("signal", "event")
    assert alert["event.category"] == ["process"]
    assert "event" not in alert
    assert alert["kibana.space_ids"] == ["soc"]
    assert alert["kibana.alert.rule.rule_id"] == "r-1"
    assert alert["kibana.alert.workflow_status"] == "open"
    assert "kibana.alert.workflow_reason" not in alert


def test_an_alert_about_an_alert_keeps_the_whole_line_of_ancestors() -> None:
    first = {"_index": alerts_index.backing("soc"), "_id": "a1", "_source": _made(HIT)}
    second = _made(first)
    assert second["kibana.alert.depth"] == 2
    assert [one["depth"] for one in second["kibana.alert.ancestors"]] == [0, 1]
    assert second["kibana.alert.ancestors"][1]["rule"] == "2b0a"


def test_overrides_win_over_the_rule() -> None:
    alert = _made(HIT, **{"kibana.alert.severity": "low", "kibana.alert.risk_score": 21.0})
    assert (alert["kibana.alert.severity"], alert["kibana.alert.rule.severity"]) == ("low", "high")


def test_an_event_that_was_changed_is_another_alert() -> None:
    first = alert_id("i", "e1", 1, "2b0a", "soc")
    assert first == alert_id("i", "e1", 1, "2b0a", "soc")
    others = {alert_id("i", "e1", 2, "2b0a", "soc"), alert_id("i", "e1", 1, "2b0a", "b")}
    assert len({first, *others}) == 3


def test_all_of_kibanas_own_fields_in_an_alert_are_mapped_in_the_newest_version() -> None:
    mapped = alert_fields.own_fields((9, 5))
    unmapped = {
        name
        for name in _made(HIT)
        if name.startswith("kibana.alert.")
        and name not in mapped
        # Kibana writes them and maps none: its source says so beside them.
        and name.removeprefix("kibana.alert.rule.") not in ("risk_score", "severity")
    }
    assert unmapped == {
        "kibana.alert.ancestors",
        "kibana.alert.rule.indices",
        "kibana.alert.rule.parameters",
        "kibana.alert.url",
    }


def test_an_older_versions_mapping_lacks_what_came_later() -> None:
    assert "kibana.alert.workflow_status_updated_at" not in alert_fields.own_fields((8, 9))
    assert "kibana.alert.workflow_status_updated_at" in alert_fields.own_fields((8, 19))
    assert "kibana.alert.workflow_assignee_ids" not in alert_fields.own_fields((8, 11))
    assert alerts_index.mapping((8, 19))["dynamic"] is False


def test_ecs_fields_have_the_types_that_ecs_says() -> None:
    require(VENDOR)
    said = json.loads((VENDOR / "ecs" / "fields.json").read_text())
    # Elasticsearch lets an index fix a constant_keyword's value; alerts come from many streams.
    same = {"constant_keyword": "keyword"}
    ours = alert_fields.ecs_fields()
    assert ours == {name: same.get(said[name], said[name]) for name in ours}
