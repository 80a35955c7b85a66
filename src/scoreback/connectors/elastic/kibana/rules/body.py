"""An alert rule as the body of a detection rule.

There are three kinds of keys. *Ours* are compared, and each apply writes them: what the rule reads,
what an alert is worth, what it tells people. *Followed* keys are written until the user changes
them: schedule, notes, tags, suppression. All others belong to the user and are never sent: whether
the rule is enabled, exceptions, actions, filters, other settings.
"""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scoreback.attack import VERSION, unknown
from scoreback.connectors.elastic.kibana.names import DETECTOR_TAG, STAGE_TAG
from scoreback.connectors.elastic.kibana.rules import attack, texts
from scoreback.connectors.elastic.kibana.rules.esql import SEVERITY, esql, remote
from scoreback.connectors.elastic.kibana.rules.kql import kql
from scoreback.connectors.elastic.kibana.versions import Differences
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.deployment import AlertRule, Delivery, Reads, RuleKind
from scoreback.records import Severity, Stage

EVERY = timedelta(minutes=5)
# How far back a rule reads again, by the time when the cluster received a score: Kibana itself
# makes up for only four missed intervals. Kibana raises no alert twice from one document, and hits
# are few, so reading hours again costs next to nothing, and an outage of Kibana loses nothing.
READS_AGAIN = timedelta(hours=6)
# Kibana's limit per run, whatever a rule says, unless Kibana's own settings change it.
MOST_SIGNALS, USUAL_SIGNALS = 1_000, 100
# one run may raise this many days' budgets, for scores that a late service writes at once
CATCH_UP = 10

RISKS = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73, Severity.CRITICAL: 99}
FOLLOWED = ("interval", "from", "note", "alert_suppression", "tags")
OUR_TAG = "Scoreback"
_USE_CASES = {
    "threat_detection": "Threat Detection",
    "incident_response": "Incident Response",
    "vulnerability_management": "Vulnerability",
}

# namespace for Scoreback's names within it
_OURS = uuid.UUID("4f1d0c52-0f0e-5a57-9a9b-2d0f8f6b6f31")
_SHOWN = (
    "event.reason", "event.risk_score", "scoreback.entity", "scoreback.score",
    "scoreback.threshold", "scoreback.detector", "scoreback.version", "scoreback.event.id",
    "scoreback.event.index",
)  # fmt: skip
_OF_EVENTS = {"event.reason": "scoreback.reason", "event.risk_score": "scoreback.risk"}
_SHOWN_OF_HEALTH = (
    "event.reason", "scoreback.detector", "scoreback.health.subject", "scoreback.version",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The detection rule that Scoreback wants for an alert rule; None: the key must be absent."""

    rule_id: str
    ours: Mapping[str, Any]
    followed: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """All keys, as for a new rule."""
        whole = {"rule_id": self.rule_id, **self.ours, **self.followed}
        return {key: value for key, value in whole.items() if value is not None}


def rule_id(names: Names, rule: str) -> str:
    """The permanent id of the detection rule for the alert rule called *rule*."""
    return str(uuid.uuid5(_OURS, f"{len(names.namespace)}:{names.namespace}{rule}"))


def wanted(
    rule: AlertRule,
    names: Names,
    kibana: Differences,
    *,
    suppresses: bool,
    clusters: Sequence[str] = (),
) -> Wanted:
    """The detection rule of *rule* for this *kibana*; *suppression* depends on the licence.

    A rule that reads events reads none in *clusters* other than the local one.

    Raises:
        SiemRefused: the rule cannot become a detection rule.
    """
    looks = (
        _at_events(rule, names, kibana, clusters)
        if rule.reads is Reads.EVENTS
        else _at_our_documents(rule, names)
    )
    suppression = _suppression(rule) if suppresses else None
    return Wanted(
        rule_id=rule_id(names, rule.name),
        ours={
            **looks,
            "to": "now",
            "max_signals": max_signals(rule),
            "name": texts.title(rule),
            "description": texts.about(rule),
            **_worth(rule),
            "threat": attack.threat(rule.attack),
            "investigation_fields": {"field_names": _shown(rule)},
            "false_positives": texts.false_positives(rule),
            "setup": texts.setup(rule),
            "references": [],
            "related_integrations": [],
            "author": ["Scoreback"],
            "license": "Apache-2.0",
            # A building block adds to its entity's risk and does not appear in the list of alerts.
            "building_block_type": "default" if rule.delivery is Delivery.RISK else None,
        },
        followed={
            "interval": text_of(EVERY),
            "from": look_back(EVERY),
            "note": texts.note(rule, kibana),
            "tags": tags(rule),
            "alert_suppression": suppression,
        },
    )


def _at_our_documents(rule: AlertRule, names: Names) -> dict[str, Any]:
    return {
        "type": "query",
        "language": "kuery",
        "index": [names.health if rule.kind is RuleKind.HEALTH else names.scores],
        "query": kql(rule),
        # The time when the cluster received the score, so that an event scored late is not missed.
        "timestamp_override": "event.ingested",
        # Every score has it. With a second time Kibana would page by that, too, which fails for
        # event times, because these have nanoseconds.
        "timestamp_override_fallback_disabled": True,
    }


def _at_events(
    rule: AlertRule, names: Names, kibana: Differences, clusters: Sequence[str]
) -> dict[str, Any]:
    return {
        "type": "esql",
        "language": "esql",
        "index": None,
        "query": esql(rule, names, kibana, sorted(RISKS.values()), clusters),
        # An event without it is read by its own time.
        "timestamp_override": Selection.of(rule.selection, clusters).arrival,
        "timestamp_override_fallback_disabled": False,
    }


def look_back(every: timedelta) -> str:
    """The start of the time that a rule reads if it runs *every* so often."""
    return f"now-{text_of(every + READS_AGAIN)}"


def text_of(span: timedelta) -> str:
    """*span* in Kibana's notation, in whole seconds, minutes or hours."""
    seconds = math.ceil(span.total_seconds())
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def max_signals(rule: AlertRule) -> int:
    """The maximum number of alerts per run; the rest waits for the next runs.

    A run raises the oldest first, and later runs that read the same scores raise the rest.
    """
    return min(MOST_SIGNALS, max(USUAL_SIGNALS, math.ceil(rule.budget * CATCH_UP)))


def tags(rule: AlertRule) -> list[str]:
    """Tags in the style of Elastic's own rules."""
    if rule.kind is RuleKind.HEALTH:
        return [OUR_TAG, "Scoreback Health", "Data Source: Scoreback"]
    return [
        OUR_TAG,
        f"{DETECTOR_TAG}{texts.plain(rule.name)}",
        *([] if rule.stage is Stage.LIVE else [f"{STAGE_TAG}{rule.stage.value.title()}"]),
        "Data Source: Scoreback",
        *([f"Use Case: {_USE_CASES[rule.use_case]}"] if rule.use_case in _USE_CASES else []),
        "Rule Type: Machine Learning",
        *(f"Tactic: {name}" for name in attack.tactic_names(rule.attack)),
    ]


def limits(rule: AlertRule, clusters: Sequence[str] = ()) -> tuple[str, ...]:
    """What *rule* asks for and Kibana cannot do, one sentence each."""
    found = [
        f"alert rule {rule.name!r} names {name}, which ATT&CK {VERSION} does not have: it is left"
        " out of the rule in Kibana"
        for name in unknown(rule.attack)
    ]
    if rule.reads is Reads.EVENTS:
        found.append(
            f"alert rule {rule.name!r} reads events: one that is scored more than"
            f" {text_of(READS_AGAIN)} after it arrived raises no alert"
        )
        found += [
            f"alert rule {rule.name!r} does not read {name}, which is in another cluster than"
            " the scores"
            for name in remote(rule, clusters)
        ]
    if rule.kind is RuleKind.SCORE and rule.budget * 2 > MOST_SIGNALS:
        found.append(
            f"alert rule {rule.name!r} may raise more than {MOST_SIGNALS:,} alerts at once after a"
            f" catch-up, but Kibana raises no more in one run: the rest waits for the next runs,"
            f" for {text_of(READS_AGAIN)} at most"
        )
    return tuple(found)


def _worth(rule: AlertRule) -> dict[str, Any]:
    """Risk and severity: those of the score, with the file's severity as the minimum.

    An audit has the rule's own values: it is shown because it was drawn, not for its score.
    """
    risk = RISKS[rule.severity]
    if rule.kind is RuleKind.HEALTH or rule.stage is Stage.AUDIT:
        return {
            "severity": rule.severity.value,
            "risk_score": risk,
            "severity_mapping": [],
            "risk_score_mapping": [],
        }
    severity_field, risk_field = "event.severity", "event.risk_score"
    if rule.reads is Reads.EVENTS:  # there they are the event's own
        severity_field, risk_field = SEVERITY, "scoreback.risk"
    return {
        "severity": rule.severity.value,
        "risk_score": risk,
        "severity_mapping": [
            {
                "field": severity_field,
                "operator": "equals",
                "value": str(value),
                "severity": severity.value,
            }
            for severity, value in RISKS.items()
            if value > risk
        ],
        "risk_score_mapping": [{"field": risk_field, "operator": "equals", "value": ""}],
    }


def _shown(rule: AlertRule) -> list[str]:
    """The fields that an analyst sees first."""
    if rule.kind is RuleKind.HEALTH:
        return list(_SHOWN_OF_HEALTH)
    entity = [rule.entity_field] if rule.entity_field else []
    shown = list(dict.fromkeys([_SHOWN[0], *entity, *_SHOWN[1:]]))
    return [_OF_EVENTS.get(name, name) for name in shown] if rule.reads is Reads.EVENTS else shown


def _suppression(rule: AlertRule) -> dict[str, Any] | None:
    """Hits soon after an alert of the same entity join it; without entity, no grouping."""
    if not rule.throttle:
        return None
    text = text_of(rule.throttle)
    return {
        "group_by": ["scoreback.entity"],
        "duration": {"value": int(text[:-1]), "unit": text[-1]},
        "missing_fields_strategy": "doNotSuppress",
    }
