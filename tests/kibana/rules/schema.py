"""The fields of a detection rule: which there are, of what kind, by type of rule and version."""

from typing import Any

from tests.kibana import times
from tests.kibana.alert_fields import ecs_fields
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.rules.checks import (
    Check,
    Report,
    anything,
    array,
    boolean,
    fields,
    integer,
    one_of,
    record,
    shape,
    text,
)
from tests.kibana.versions import Version

Body = dict[str, Any]
SEVERITIES = ("low", "medium", "high", "critical")
_WORD, _NAME = text(), text(1)
_WORDS = array(_WORD)


def _moment(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
    try:
        times.date_math(value, 0.0)
    except (TypeError, ValueError):
        report.wrong(path, "Failed to parse date-math expression")
    return value


def _interval(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
    try:
        times.duration(value)
    except (TypeError, ValueError):
        report.wrong(path, "Invalid")
    return value


_REFERENCED = {"id": _WORD, "name": _WORD, "reference": _WORD}
_THREAT = shape(
    {"framework": _WORD, "tactic": shape(_REFERENCED)},
    {
        "technique": array(
            shape(_REFERENCED, {"subtechnique": array(shape(_REFERENCED))}),
        )
    },
)
_SUPPRESSION_TIME = shape({"value": integer(1), "unit": one_of("s", "m", "h")})
_SUPPRESSION = shape(
    {"group_by": array(_WORD, 1, 3)},
    {
        "duration": _SUPPRESSION_TIME,
        "missing_fields_strategy": one_of("doNotSuppress", "suppress"),
    },
)
REQUIRED: dict[str, Check] = {
    "name": _NAME,
    "description": _NAME,
    "risk_score": integer(0, 100),
    "severity": one_of(*SEVERITIES),
}
OPTIONAL: dict[str, Check] = {
    "rule_name_override": _WORD,
    "timestamp_override": _WORD,
    "timestamp_override_fallback_disabled": boolean,
    "timeline_id": _WORD,
    "timeline_title": _WORD,
    "outcome": _WORD,
    "alias_target_id": _WORD,
    "alias_purpose": _WORD,
    "license": _WORD,
    "note": _WORD,
    "building_block_type": _WORD,
    "output_index": _WORD,
    "namespace": _WORD,
    "meta": record,
    "investigation_fields": shape({"field_names": array(_NAME, 1)}),
    "throttle": anything,
    "response_actions": array(anything),
    "version": integer(1),
    "tags": _WORDS,
    "enabled": boolean,
    "risk_score_mapping": array(
        shape(
            {"field": _WORD, "operator": one_of("equals"), "value": _WORD},
            {"risk_score": integer(0, 100)},
        )
    ),
    "severity_mapping": array(
        shape(
            {
                "field": _WORD,
                "operator": one_of("equals"),
                "severity": one_of(*SEVERITIES),
                "value": _WORD,
            }
        )
    ),
    "interval": _interval,
    "from": _moment,
    "to": _moment,
    "actions": array(
        shape(
            {"id": _WORD, "action_type_id": _WORD, "params": record},
            {
                "group": _WORD,
                "uuid": _WORD,
                "alerts_filter": record,
                "frequency": record,
            },
        )
    ),
    "exceptions_list": array(
        shape(
            {
                "id": _NAME,
                "list_id": _NAME,
                "type": one_of(
                    "detection", "rule_default", "endpoint", "endpoint_trusted_apps",
                    "endpoint_trusted_devices", "endpoint_events",
                    "endpoint_host_isolation_exceptions", "endpoint_blocklists",
                ),
                "namespace_type": one_of("agnostic", "single"),
            }
        )
    ),
    "author": _WORDS,
    "false_positives": _WORDS,
    "references": _WORDS,
    "max_signals": integer(1),
    "threat": array(_THREAT),
    "setup": _WORD,
    "related_integrations": array(
        shape({"package": _NAME, "version": _NAME}, {"integration": _NAME})
    ),
    "required_fields": array(shape({"name": _NAME, "type": _NAME})),
}  # fmt: skip
_SEARCHED: dict[str, Check] = {
    "index": _WORDS,
    "data_view_id": _WORD,
    "filters": array(anything),
}
_KQL = one_of("kuery", "lucene")


def _of_type(version: Version) -> dict[str, tuple[dict[str, Check], dict[str, Check]]]:
    """What each type of rule needs and may have besides."""
    threshold = shape(
        {"field": _threshold_fields(version.threshold_fields), "value": integer(1)},
        {"cardinality": array(shape({"field": _WORD, "value": integer(0)}))},
    )
    plain: dict[str, Check] = {**_SEARCHED, "query": _WORD, "language": _KQL, "saved_id": _WORD}
    suppressed: dict[str, Check] = {**plain, "alert_suppression": _SUPPRESSION}
    return {
        "query": ({}, suppressed),
        "saved_query": ({"saved_id": _WORD}, suppressed),
        "threshold": (
            {"query": _WORD, "threshold": threshold},
            {**plain, "alert_suppression": shape({"duration": _SUPPRESSION_TIME})},
        ),
        "eql": (
            {"query": _WORD, "language": one_of("eql")},
            {
                **_SEARCHED,
                "event_category_override": _WORD,
                "tiebreaker_field": _WORD,
                "timestamp_field": _WORD,
                "alert_suppression": _SUPPRESSION,
            },
        ),
        "esql": (
            {"query": _WORD, "language": one_of("esql")},
            {"alert_suppression": _SUPPRESSION},
        ),
        "new_terms": (
            {
                "query": _WORD,
                "new_terms_fields": array(_WORD, 1, 3),
                "history_window_start": _NAME,
            },
            suppressed,
        ),
        "threat_match": (
            {
                "query": _WORD,
                "threat_query": _WORD,
                "threat_mapping": array(record, 1),
                "threat_index": _WORDS,
            },
            {
                **suppressed,
                "threat_filters": array(anything),
                "threat_indicator_path": _WORD,
                "threat_language": _KQL,
                "concurrent_searches": integer(1),
                "items_per_search": integer(1),
            },
        ),
        "machine_learning": (
            {"anomaly_threshold": integer(0), "machine_learning_job_id": anything},
            {"alert_suppression": _SUPPRESSION},
        ),
    }


def _threshold_fields(most: int) -> Check:
    several = array(_WORD, 0, most)

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        return [value] if isinstance(value, str) else several(path, value, report)

    return check


def checked(
    given: Body, version: Version, report: Report, *, known_type: str | None = None
) -> Body:
    """The fields that Kibana keeps of a body; what is wrong with it goes into the report.

    Args:
        given: The body of a request.
        version: Whose rules it is checked by.
        report: Gets the errors, and the names that are left out.
        known_type: The type of the rule that is patched: nothing is required then.
    """
    types = _of_type(version)
    kind = given.get("type", known_type)
    if kind not in types:
        names = " | ".join(f"'{name}'" for name in types)
        report.wrong("type", f"Invalid discriminator value. Expected {names}")
        return {}
    needed, allowed = types[str(kind)]
    identity: dict[str, Check] = {"type": anything, "id": _WORD, "rule_id": _NAME}
    optional = {**OPTIONAL, **identity, **allowed}
    if known_type is not None:
        return fields("", given, {}, {**REQUIRED, **needed, **optional}, report)
    return fields("", given, {**REQUIRED, **needed}, optional, report)


DEFAULTS: Body = {
    "enabled": False,
    "risk_score_mapping": [],
    "severity_mapping": [],
    "interval": "5m",
    "to": "now",
    "from": "now-6m",
    "exceptions_list": [],
    "false_positives": [],
    "max_signals": 100,
    "actions": [],
    "related_integrations": [],
    "required_fields": [],
    "setup": "",
    "references": [],
    "threat": [],
    "tags": [],
    "author": [],
    "output_index": "",
    "version": 1,
}


def completed(body: Body) -> Body:
    """A rule with the defaults of what was not given."""
    whole = {**DEFAULTS, **body}
    whole.pop("throttle", None)
    kind = whole["type"]
    if kind in ("query", "saved_query", "threshold", "threat_match", "new_terms"):
        whole.setdefault("language", "kuery")
    if kind == "query":
        whole.setdefault("query", "")
    if kind == "threshold":
        whole["threshold"] = {"cardinality": [], **whole["threshold"]}
    return {**whole, **derived(whole)}


def derived(whole: Body) -> Body:
    """What Kibana works out from other fields: which of the required ones are ECS."""
    known = ecs_fields()
    return {
        "required_fields": [
            {**one, "ecs": known.get(one["name"]) == one["type"]}
            for one in whole["required_fields"]
        ]
    }


def refuse_unfit(body: Body) -> None:
    """Refuse what only the detection engine itself sees.

    Raises:
        DetectionRefusal: Two fields do not fit together.
    """
    has, titled = body.get("timeline_id"), body.get("timeline_title")
    if has is not None and titled is None:
        raise DetectionRefusal(400, ['when "timeline_id" exists, "timeline_title" must also exist'])
    if has is None and titled is not None:
        raise DetectionRefusal(400, ['when "timeline_title" exists, "timeline_id" must also exist'])
    threshold = body.get("threshold") or {}
    for one in threshold.get("cardinality") or ():
        if one["field"] in threshold["field"]:
            said = "Cardinality of a field that is being aggregated on is always 1"
            raise DetectionRefusal(400, [said])


def needs_one_id(given: Body) -> None:
    """Refuse a request that names no rule, or two."""
    named = [name for name in ("id", "rule_id") if given.get(name) is not None]
    if len(named) == 1:
        return
    if named:
        raise DetectionRefusal(
            400, ['both "id" and "rule_id" cannot exist, choose one or the other']
        )
    raise DetectionRefusal(400, ['either "id" or "rule_id" must be set'])
