"""A detector's health as documents, with the same names and units in every SIEM.

A document is about one detector, moment, kind and subject. It only has figures that are in
`FIGURES`: dashboards and alert rules in SIEMs read them, and docs/health.md explains them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

import pyarrow as pa

from scoreback.deployment import AlertRule, RuleKind
from scoreback.records import TIME, Stage

Figure = float | str | datetime
Type = Literal["number", "text", "time"]

HEALTH_RULES = "health."  # prefix of names of health rules; no detector's name has a dot
OWN = "scoreback.health"  # prefix of our fields' names; also the detector of health alerts


class Kind(StrEnum):
    """What a document is about."""

    STATUS = "status"
    PRECISION = "precision"
    ALERTS = "alerts"
    THRESHOLD = "threshold"
    SCORES = "scores"
    FEATURE = "feature"  # its subject: the feature's name
    FRESHNESS = "freshness"
    LABELS = "labels"
    VERSION = "version"
    RUN = "run"  # its subject: the kind of job
    REFUSED = "refused"
    GATE = "gate"  # its subject: the shadow
    RECALL = "recall"  # its subject: the version that was rolled back
    SPREAD = "spread"  # its subject: the version


class Condition(StrEnum):
    """What can be wrong with a detector: a figure of its status, which is 1 if it is."""

    STALE = "stale"
    STARVED = "starved"
    DRIFTING = "drifting"
    OVER_BUDGET = "over_budget"
    FAILING = "failing"
    GATE_WAITING = "gate_waiting"
    QUARANTINED = "quarantined"


def _numbers(*names: str) -> dict[str, Type]:
    return dict.fromkeys(names, "number")


FIGURES: Mapping[Kind, Mapping[str, Type]] = {
    Kind.STATUS: {"state": "text", "why": "text", **_numbers(*Condition)},
    Kind.PRECISION: {
        **_numbers(
            "promised", "promised_low", "promised_high", "promised_recall",
            "promised_recall_low", "promised_recall_high", "realised", "realised_low",
            "realised_high", "realised_floor", "held", "days", "alerts", "labelled",
            "labelled_share", "true_positives", "false_positives", "benign_positives",
            "undetermined", "false_negatives", "missed_incidents", "audits", "audits_judged",
            "missed_attacks", "missed_attacks_low", "missed_attacks_high", "recall", "recall_low",
            "recall_high", "recall_useful",
        ),
        "recall_why": "text",
    },
    Kind.ALERTS: {
        **_numbers(
            "budget", "promised_per_day", "today", "last_day", "per_day", "share_of_budget",
            "days_over_budget", "days", "suppressed_today", "suppressed_last_day",
            "audits_last_day", "explored_last_day",
        ),
        "today_since": "time",
    },
    Kind.THRESHOLD: {"value": "number", "reason": "text", "since": "time"},
    Kind.SCORES: {
        **_numbers(
            "rows", "psi", "usual_psi", "unseen_entities", "usual_unseen_entities",
            "unusual_features", "at_home",
        ),
        "why": "text",
    },
    Kind.FEATURE: {
        **_numbers(
            "rows", "psi", "usual_psi", "missing", "expected_missing", "unseen", "usual_unseen",
            "unusual",
        ),
        "why": "text",
    },
    Kind.FRESHNESS: {
        "newest_event": "time", "read_until": "time",
        **_numbers("event_lag", "read_lag", "tolerated_lag", "scored_last_day"),
    },
    Kind.LABELS: {
        "newest_label": "time",
        **_numbers(
            "label_lag", "open_alerts", "oldest_open", "quarantined", "quarantined_bulk",
            "quarantined_contradicting",
        ),
    },
    Kind.VERSION: {
        "algorithm": "text", "trained_as_of": "time", "unusable": "text",
        "trained_because": "text", "retrain_due": "text",
        **_numbers("age", "versions", "candidates", "shadows"),
    },
    Kind.RUN: {
        "started": "time", "status": "text", "error": "text",
        **_numbers("seconds", "read", "scored", "failed_in_a_row"),
    },
    Kind.REFUSED: _numbers("last_day", "last_week"),
    Kind.GATE: {
        "outcome": "text", "why": "text", "against": "text", "at": "time",
        **_numbers(
            "scored_together", "scored_together_wanted", "verdicts", "verdicts_wanted", "alerts",
            "precision", "champion_precision", "difference", "difference_low", "difference_high",
        ),
        "decided_by": "text", "decided_at": "time", "awaits_approval": "number",
    },
    Kind.RECALL: {
        "at": "time", "by": "text", "restored": "text",
        **_numbers("alerts", "recalled", "touched", "tagged", "closed", "undone"),
    },
    Kind.SPREAD: {"stage": "text", **_numbers("rows", "median", "p90", "p99", "p999")},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthDocument:
    """Figures of one detector, moment, kind and subject; unknown figures are left out."""

    detector: str
    at: datetime
    kind: Kind
    subject: str = ""
    version: str = ""  # that scores
    figures: Mapping[str, Figure]

    def __post_init__(self) -> None:
        """Refuse figures that are not in `FIGURES`."""
        known = FIGURES[self.kind]
        for name, value in self.figures.items():
            types = _TYPES[known[name]] if name in known else None
            if types is None or not isinstance(value, types) or value != value:
                raise ValueError(f"health document {self.kind}: {name} = {value!r} is not in it")
        if self.at.tzinfo is None:
            raise ValueError(f"health document {self.kind}: {self.at} has no time zone")

    @property
    def health_id(self) -> str:
        """The document's permanent id, so that writing it again counts once."""
        parts = [self.detector, self.at.isoformat(), self.kind.value, self.subject]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


_TYPES: Mapping[Type, tuple[type, ...]] = {
    "number": (int, float), "text": (str,), "time": (datetime,),
}  # fmt: skip


def fields_of(document: HealthDocument) -> dict[str, Figure]:
    """*document* as every SIEM stores it, under dotted names."""
    named: dict[str, Figure] = {
        "@timestamp": document.at,
        "event.kind": "metric",
        "event.provider": "scoreback",
        "event.dataset": "scoreback.health",
        "rule.name": document.detector,
        "scoreback.detector": document.detector,
        "scoreback.version": document.version,
        f"{OWN}.id": document.health_id,
        f"{OWN}.kind": document.kind.value,
        f"{OWN}.subject": document.subject,
    }
    own = {f"{OWN}.{document.kind}.{name}": value for name, value in document.figures.items()}
    return {**named, **own}


def health_document(fields: Mapping[str, object]) -> HealthDocument:
    """The document that `fields_of` wrote; figures of newer versions are left out.

    Raises:
        KeyError, ValueError: it is not one.
    """
    kind = Kind(str(fields[f"{OWN}.kind"]))
    figures: dict[str, Figure] = {}
    for name, type_of in FIGURES[kind].items():
        value = fields.get(f"{OWN}.{kind}.{name}")
        if value is None:
            continue
        if type_of == "time":
            figures[name] = moment_of(value)
        else:
            figures[name] = float(str(value)) if type_of == "number" else str(value)
    return HealthDocument(
        detector=str(fields["scoreback.detector"]),
        at=moment_of(fields["@timestamp"]),
        kind=kind,
        subject=str(fields.get(f"{OWN}.subject") or ""),
        version=str(fields.get("scoreback.version") or ""),
        figures=figures,
    )


def moment_of(value: object) -> datetime:
    """Read a time of a document."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def health_hits(rule: AlertRule, documents: Iterable[HealthDocument]) -> pa.Table:
    """The *documents* for which the condition of a health *rule* holds, as hits of a rule engine.

    A hit's entity is the detector, and its reasons say why.
    """
    rows = []
    for document in documents:
        holds = document.kind is Kind.STATUS and document.figures.get(condition_of(rule)) == 1
        if rule.kind is RuleKind.HEALTH and holds:
            reasons = [str(document.figures.get("why", "")), f"see {rule.notes}"]
            rows.append(
                {
                    "score_id": document.health_id,
                    "event_id": document.health_id,
                    "event_time": document.at,
                    "entity": document.detector,
                    "detector": rule.detector,
                    "version": document.version,
                    "stage": Stage.LIVE.value,
                    "score": 1.0,
                    "risk": 47.0,
                    "threshold": 1.0,
                    "reasons": json.dumps(reasons),
                }
            )
    order = [("event_time", "ascending"), ("score_id", "ascending")]
    return pa.Table.from_pylist(rows, schema=_HITS).sort_by(order)


def condition_of(rule: AlertRule) -> str:
    """The figure of the status that a health *rule* is about."""
    return rule.name.removeprefix(HEALTH_RULES)


_HITS = pa.schema(
    [(n, pa.string()) for n in ("score_id", "event_id")]
    + [("event_time", TIME)]
    + [(n, pa.string()) for n in ("entity", "detector", "version", "stage")]
    + [(n, pa.float64()) for n in ("score", "risk", "threshold", "chance")]
    + [("reasons", pa.string())]
)
