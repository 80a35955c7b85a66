"""An alert as Kibana writes it: from a rule, the documents that it is about, and the time.

``_source`` has flat dotted names for all of Kibana's own fields, beside the source document's own
fields as they stood there; only its ``event`` is rewritten, with ``event.kind: signal``. Empty
fields are left out.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_CATEGORIES = {
    "query": "Custom Query Rule",
    "saved_query": "Custom Query Rule",
    "eql": "Event Correlation Rule",
    "esql": "ES|QL Rule",
    "threshold": "Threshold Rule",
    "threat_match": "Indicator Match Rule",
    "new_terms": "New Terms Rule",
    "machine_learning": "Machine Learning Rule",
}
_TYPE_IDS = {
    "query": "siem.queryRule",
    "saved_query": "siem.savedQueryRule",
    "eql": "siem.eqlRule",
    "esql": "siem.esqlRule",
    "threshold": "siem.thresholdRule",
    "threat_match": "siem.indicatorRule",
    "new_terms": "siem.newTermsRule",
    "machine_learning": "siem.mlRule",
}
_OF_RULE = (
    *("actions", "author", "building_block_type", "created_at", "created_by", "description"),
    *("enabled", "exceptions_list", "false_positives", "from", "immutable", "interval"),
    *("license", "max_signals", "name", "note", "references", "revision", "risk_score"),
    *("risk_score_mapping", "rule_id", "rule_name_override", "severity", "severity_mapping"),
    *("tags", "threat", "throttle", "timeline_id", "timeline_title", "timestamp_override", "to"),
    *("type", "updated_at", "updated_by", "version"),
)
_NOT_PARAMETERS = frozenset(
    {"id", "name", "tags", "interval", "enabled", "actions", "created_at", "created_by"}
    | {"updated_at", "updated_by", "execution_summary", "revision", "throttle"}
)


def alert_id(index: str, identifier: str, version: int, rule: str, space: str) -> str:
    """The ``_id`` of the alert about one event: the same event and rule, the same alert.

    *rule* is the rule's object id. The event's version counts, so an event that was changed is
    alerted again.
    """
    return _digest(index, identifier, str(version), f"{space}:{rule}")


def group_alert_id(parts: Sequence[str], rule: str, space: str) -> str:
    """The ``_id`` of an alert about many events: *parts* tell it from the rule's others."""
    return _digest(*parts, f"{space}:{rule}")


def document(
    rule: Mapping[str, Any],
    hits: Sequence[Mapping[str, Any]],
    *,
    identifier: str,
    space: str,
    now: str,
    kibana_version: str,
    execution: str,
    indices: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Json:
    """The ``_source`` of an alert.

    Args:
        rule: The rule as the API returns it.
        hits: The documents that it is about (``_index``, ``_id``, ``_source``), the first of
            which is copied into the alert; none of them for an alert that no document stands for.
        identifier: Its ``_id``.
        space: Where the rule is.
        now: When the rule ran, in ISO 8601.
        kibana_version: ``9.5.0``, say.
        execution: The id of the rule's run.
        indices: Where the rule looked.
        overrides: More fields, or others than the rule has: ``kibana.alert.severity``, ``.reason``,
            ``.suppression.docs_count``; those of the rule's own mapping above all.
    """
    source = dict(hits[0].get("_source") or {}) if hits else {}
    event = _event(source)
    depths = [int(_own(hit, "kibana.alert.depth") or 0) for hit in hits]
    fields: Json = {
        "@timestamp": now,
        "event.kind": "signal",
        "kibana.version": kibana_version,
        "kibana.space_ids": [space],
        "kibana.alert.uuid": identifier,
        "kibana.alert.url": f"/app/security/alerts/redirect/{identifier}",
        "kibana.alert.start": now,
        "kibana.alert.last_detected": now,
        "kibana.alert.intended_timestamp": now,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.depth": 1 + max(depths, default=0),
        "kibana.alert.ancestors": [one for hit in hits for one in _ancestors(hit)],
        "kibana.alert.original_time": _time(source),
        "kibana.alert.severity": rule.get("severity"),
        "kibana.alert.risk_score": rule.get("risk_score"),
        "kibana.alert.building_block_type": rule.get("building_block_type"),
        "kibana.alert.rule.category": _CATEGORIES.get(str(rule["type"])),
        "kibana.alert.rule.consumer": "siem",
        "kibana.alert.rule.producer": "siem",
        "kibana.alert.rule.rule_type_id": _TYPE_IDS.get(str(rule["type"])),
        "kibana.alert.rule.uuid": rule["id"],
        "kibana.alert.rule.indices": list(indices) or None,
        "kibana.alert.rule.execution.uuid": execution,
        "kibana.alert.rule.execution.timestamp": now,
        "kibana.alert.rule.execution.type": "scheduled",
        "kibana.alert.rule.parameters": {
            key: value for key, value in rule.items() if key not in _NOT_PARAMETERS
        },
        **{f"kibana.alert.rule.{key}": rule.get(key) for key in _OF_RULE},
        **{f"kibana.alert.original_event.{key}": value for key, value in event.items()},
        **(overrides or {}),
    }
    copied = {key: value for key, value in source.items() if not key.startswith("kibana.")}
    copied.pop("event", None)
    for key in event:
        copied[f"event.{key}"] = event[key]
    return {**copied, **{key: value for key, value in fields.items() if value is not None}}


def _event(source: Json) -> Json:
    """What is below ``event`` in a document, flat, however it is written there."""
    flat: Json = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            flat[prefix] = value

    walk("", source.get("event") or {})
    flat.update(
        (key.removeprefix("event."), value)
        for key, value in source.items()
        if key.startswith("event.")
    )
    return flat


def _own(hit: Mapping[str, Any], field: str) -> Any:  # noqa: ANN401
    return (hit.get("_source") or {}).get(field)


def _ancestors(hit: Mapping[str, Any]) -> list[Json]:
    """What a document came from, and itself at the end; a document that is not an alert: itself."""
    depth = _own(hit, "kibana.alert.depth")
    itself: Json = {
        "id": hit["_id"],
        "type": "event" if depth is None else "signal",
        "index": hit["_index"],
        "depth": depth or 0,
    }
    if depth is not None:
        itself["rule"] = _own(hit, "kibana.alert.rule.uuid")
    return [*(_own(hit, "kibana.alert.ancestors") or []), itself]


def _time(source: Json) -> Any:  # noqa: ANN401
    given = source.get("@timestamp")
    return given[0] if isinstance(given, list) else given


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()
