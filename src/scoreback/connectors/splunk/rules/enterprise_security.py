"""Makes a saved search a detection of Enterprise Security: a risk or a finding, with notes.

The keys are those that contentctl writes for Splunk's own content; tests compare the two.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from scoreback.connectors.splunk.rules.spl import harmless, search_name
from scoreback.deployment import AlertRule, Delivery, RuleKind
from scoreback.records import Severity, Stage

# Within the ranges that Splunk's own content uses for a severity: 21 to 40 is low, and so on.
RISKS = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73, Severity.CRITICAL: 99}
LEAST_RISK = 1  # severities that Splunk's own content uses
ACTIONS = {Delivery.RISK: "risk", Delivery.FINDING: "notable"}

# namespace for Scoreback's names within it
_OURS = uuid.UUID("6f6d6a0e-5bd3-5c55-9d4c-6a2f3c1d7b10")
_SYSTEM = ("host", "source", "destination", "client", "server", "observer")
_USER = "user"
_PRODUCTS = ["Splunk Enterprise", "Splunk Enterprise Security", "Splunk Cloud"]
_SHOWN = (
    "scoreback_entity", "scoreback_score", "event_risk_score", "scoreback_reasons",
    "scoreback_detector", "scoreback_version", "scoreback_event_id", "orig_time",
)  # fmt: skip


def detection_keys(rule: AlertRule) -> dict[str, str]:
    """The keys of *rule*'s saved search that only Enterprise Security reads."""
    return {
        **_correlation(rule),
        **_content(rule),
        **(_risk(rule) if rule.delivery is Delivery.RISK else _finding(rule)),
    }


def _correlation(rule: AlertRule) -> dict[str, str]:
    return {
        "action.correlationsearch.enabled": "1",
        "action.correlationsearch.detection_type": "ebd",  # based on events, not on findings
        "action.correlationsearch.label": search_name(rule.name),
        "action.correlationsearch.annotations": _json(_annotations(rule)),
        "action.correlationsearch.metadata": _json(_metadata(rule)),
    }


def _annotations(rule: AlertRule) -> Mapping[str, Any]:
    kind = _type(rule)
    found: dict[str, Any] = {
        "analytic_story": ["Scoreback"], "data_source": [], "type": kind, "type_list": [kind],
    }  # fmt: skip
    return {**found, **_mappings(rule)}


def _mappings(rule: AlertRule) -> dict[str, Any]:
    return {"mitre_attack": list(rule.attack)} if rule.attack else {}


def _type(rule: AlertRule) -> str:
    """Splunk's type of detection: an anomaly adds to risk, a TTP is shown by itself."""
    return "Anomaly" if rule.delivery is Delivery.RISK else "TTP"


def _metadata(rule: AlertRule) -> Mapping[str, Any]:
    number = rule.version.removeprefix("v").partition("-")[0]
    return {
        "deprecated": "0",
        "detection_id": str(uuid.uuid5(_OURS, rule.name)),
        "detection_version": number if number.isdigit() else "1",
    }


def _content(rule: AlertRule) -> dict[str, str]:
    """The notes that Splunk's own content adds to a detection."""
    about = _about(rule)
    return {
        "action.escu": "0",
        "action.escu.enabled": "1",
        "action.escu.eli5": about,
        "action.escu.how_to_implement": _how(rule),
        "action.escu.known_false_positives": _known(rule),
        "action.escu.mappings": _json(_mappings(rule)),
        "action.escu.data_models": "[]",
        "action.escu.confidence": "high",
        "action.escu.search_type": "detection",
        "action.escu.product": _json(_PRODUCTS),
        "action.escu.providing_technologies": "null",
        "action.escu.analytic_story": _json(["Scoreback"]),
    }


def _about(rule: AlertRule) -> str:
    return harmless(rule.description or f"Events that the detector {rule.detector} alerts on.")


def _how(rule: AlertRule) -> str:
    if rule.kind is RuleKind.HEALTH:
        return (
            "The service must write health into Splunk: run scoreback serve with this connection."
        )
    return (
        f"The service must score for the detector {rule.detector} with this connection: run"
        " scoreback serve. The search reads the scores by the time when Splunk received them. Each"
        " score already carries its threshold, so none is set here. To exclude known activity,"
        " fill in the macro at the end of the search."
    )


def _known(rule: AlertRule) -> str:
    if rule.kind is RuleKind.HEALTH:
        return harmless(f"A source that is expected to send few events. See {rule.notes}.")
    if rule.stage is Stage.AUDIT:
        return "Nearly all of them: the sample exists to find the few attacks that were missed."
    if rule.stage is Stage.EXPLORE:
        return (
            "A new version would raise this alert and the current one would not: your verdicts"
            " show which of the two is right."
        )
    return (
        f"The detector is tuned to {rule.budget:,.14g} alerts a day, so some of them are false: say"
        " so when you close them, and the next version learns from it. Rare but permitted activity"
        " scores high until it has been closed as benign a few times."
    )


def _finding(rule: AlertRule) -> dict[str, str]:
    about = _about(rule)
    note = harmless(rule.notes)
    return {
        "action.notable.param._entities": _json(
            [
                {
                    "risk_object_field": "scoreback_entity",
                    "risk_object_type": entity_type(rule.entity_field),
                    "risk_score": _points(rule),
                }
            ]
        ),
        "action.notable.param.nes_fields": ",".join(_SHOWN),
        "action.notable.param.rule_title": f"{_title(rule)}: $scoreback_entity$",
        "action.notable.param.rule_description": f"{about} {note}".strip()
        + " Risk $event_risk_score$ of 100. Why: $scoreback_reasons$",
        "action.notable.param.security_domain": "threat",
        "action.notable.param.severity": rule.severity.value,
        "action.notable.param.drilldown_searches": _json(_drilldowns()),
    }


def _risk(rule: AlertRule) -> dict[str, str]:
    return {
        "action.risk.param._risk_message": f"{_title(rule)}: $scoreback_entity$ scored"
        " $event_risk_score$ of 100. Why: $scoreback_reasons$",
        "action.risk.param._risk": _json(
            [
                {
                    "risk_object_field": "scoreback_entity",
                    "risk_object_type": entity_type(rule.entity_field),
                    "risk_score": _points(rule),
                }
            ]
        ),
        "action.risk.param._risk_score": "0",
        "action.risk.param.verbose": "0",
        "action.notable.param.drilldown_searches": _json(_drilldowns()),
    }


def _points(rule: AlertRule) -> int:
    """How much a hit adds to the risk of its entity; a sample adds the least possible."""
    return LEAST_RISK if rule.stage is Stage.AUDIT else RISKS[rule.severity]


def _title(rule: AlertRule) -> str:
    return f"Scoreback {harmless(rule.name)}"


def entity_type(field: str) -> str:
    """Enterprise Security's type for the entity in the event field *field*."""
    first, _, last = field.partition(".")
    if first == _USER or last.startswith("user"):
        return "user"
    return "system" if first in _SYSTEM else "other"


def _drilldowns() -> list[dict[str, str]]:
    """The drill-down searches of a finding: by the event's own time, whenever it was raised."""
    around = {
        "earliest_offset": "$scoreback_around_from$", "latest_offset": "$scoreback_around_to$",
    }  # fmt: skip
    return [
        {
            "name": "The scores of $scoreback_entity$ around the event",
            "search": "`scoreback_index` sourcetype=scoreback:score"
            " scoreback_entity=$scoreback_entity|s$ | dedup scoreback_score_id",
            **around,
        },
        {
            "name": "The events that name $scoreback_entity$ around it",
            "search": "search index=* $scoreback_entity|s$ NOT sourcetype=scoreback:*",
            **around,
        },
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=isinstance(value, dict))
