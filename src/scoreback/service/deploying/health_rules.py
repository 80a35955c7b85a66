"""The alert rules about detectors: one per condition, shared by all detectors of a SIEM."""

from collections.abc import Callable
from datetime import datetime, timedelta

from scoreback.deployment import AlertRule, RuleKind
from scoreback.health import HEALTH_RULES, OWN, Condition
from scoreback.records import Severity
from scoreback.service.app import App
from scoreback.service.deploying.reconcile import log_warning, settle
from scoreback.service.state.workspace_state import CONTROL, PATIENCE

_SAID = {
    Condition.STALE: (Severity.HIGH, "no new events are scored"),
    Condition.STARVED: (Severity.LOW, "alerts get no verdicts, so precision is unknown"),
    Condition.DRIFTING: (Severity.MEDIUM, "scored events are unlike those in training"),
    Condition.OVER_BUDGET: (Severity.MEDIUM, "more alerts than the team can read"),
    Condition.FAILING: (Severity.HIGH, "runs fail, documents are refused or a promise is broken"),
    Condition.GATE_WAITING: (Severity.LOW, "a better version waits for a person's approval"),
    Condition.QUARANTINED: (Severity.MEDIUM, "doubtful verdicts wait for a person's decision"),
}


def health_rules(app: App) -> tuple[AlertRule, ...]:
    """The rules about detectors; none where the SIEM stores no health documents or has no rules."""
    if app.connector.health is None or app.connector.rules is None:
        return ()
    return tuple(
        AlertRule(
            name=HEALTH_RULES + condition,
            kind=RuleKind.HEALTH,
            detector=OWN,
            version="",
            per_entity=1,
            throttle=timedelta(0),
            budget=float(len(Condition)),
            severity=severity,
            description=f"a detector's health: {what}",
            entity_field="scoreback.detector",
            notes=f"docs/runbook/{condition}.md",
        )
        for condition, (severity, what) in _SAID.items()
    )


def reconcile_health(app: App, *, at: datetime, warn: Callable[[str], None] = log_warning) -> None:
    """Bring the rules about detectors up to date, except those that somebody changed or removed.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    with app.state.lock(OWN, CONTROL, wait=PATIENCE):
        for rule in health_rules(app):
            settle(app, rule, at=at, warn=warn)
