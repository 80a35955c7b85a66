"""The gate's verdicts on a detector's shadows, and on versions that were shadows until lately."""

from collections.abc import Mapping, Sequence
from typing import Any

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.records import ModelVersion
from scoreback.service.comparing.compare_job import CHAMPION
from scoreback.service.comparing.covered import Covered
from scoreback.service.comparing.gate import too_early
from scoreback.service.monitoring.subject import DAY, Subject
from scoreback.service.state.audit import AuditEntry, audit_log
from scoreback.service.state.gate_verdicts import GateVerdict, decision_on, last_verdicts
from scoreback.service.state.versions import Versions

WINDOW = 30 * DAY  # how long a verdict is shown for a version that is no shadow any more
WAITING, BETTER = "waiting", "better"
_NOT_LOOKED = "both have scored enough; the gate compares once a day"


def gates(subject: Subject) -> list[HealthDocument]:
    """A document for each shadow, oldest first, then for versions that were shadows lately."""
    state, name = subject.app.state, subject.name
    shadows = Versions(state).shadows(name)
    verdicts = last_verdicts(state, name)
    entries = audit_log(state, name, since=subject.now - WINDOW)
    found = [_of_shadow(subject, one, verdicts.get(one.version)) for one in shadows]
    there = {one.version for one in shadows}
    for version, verdict in verdicts.items():
        if version not in there and subject.now - WINDOW <= verdict.at <= subject.now:
            figures = _figures(subject, verdict) | _decided(verdict, entries)
            found.append(subject.document(Kind.GATE, figures, subject=version))
    return [one for one in found if one is not None]


def _of_shadow(
    subject: Subject, shadow: ModelVersion, verdict: GateVerdict | None
) -> HealthDocument | None:
    """The document of a shadow; None where the gate does not look at shadows."""
    if verdict is not None and verdict.against == subject.champion.version:
        approval = subject.detector.gate.approval == "manual" and verdict.outcome == BETTER
        figures = _figures(subject, verdict) | {"awaits_approval": float(approval)}
    elif subject.detector.gate.shadow:
        figures = _not_compared(subject, shadow)
    else:
        return None
    return subject.document(Kind.GATE, figures, subject=shadow.version)


def _not_compared(subject: Subject, shadow: ModelVersion) -> dict[str, Figure | None]:
    champion = subject.champion.version
    covered = Covered.by(subject.app.state, subject.name, champion, shadow.version)
    return {
        "outcome": WAITING,
        "why": too_early(subject.detector, covered) or _NOT_LOOKED,
        "against": champion,
        "at": subject.now,
        "scored_together": covered.total.total_seconds(),
        **_wanted(subject),
        "awaits_approval": 0.0,
    }


def _figures(subject: Subject, verdict: GateVerdict) -> dict[str, Figure | None]:
    pair: Mapping[str, Any] = verdict.body.get("against", {}).get(CHAMPION, {})
    ours, theirs = pair.get("ours", {}), pair.get("theirs", {})
    return {
        "outcome": verdict.outcome,
        "why": verdict.why,
        "against": verdict.against,
        "at": verdict.at,
        "scored_together": verdict.body.get("covered_seconds"),
        **_wanted(subject),
        "verdicts": pair.get("verdicts"),
        "alerts": ours.get("alerts"),
        "precision": ours.get("precision"),
        "champion_precision": theirs.get("precision"),
        "difference": pair.get("difference"),
        "difference_low": pair.get("low"),
        "difference_high": pair.get("high"),
        "awaits_approval": 0.0,
    }


def _wanted(subject: Subject) -> dict[str, Figure | None]:
    gate = subject.detector.gate
    return {
        "scored_together_wanted": gate.shadow.total_seconds(),
        "verdicts_wanted": gate.min_verdicts,
    }


def _decided(verdict: GateVerdict, entries: Sequence[AuditEntry]) -> dict[str, Figure | None]:
    decision = decision_on(verdict, entries)
    return {} if decision is None else {"decided_by": decision.actor, "decided_at": decision.at}
