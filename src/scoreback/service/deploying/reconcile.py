"""Keeps a detector's alert rules in the SIEM in step with its champion and its file.

This is separate from scoring, and it overrules nobody: a rule that somebody edited or removed in
the SIEM is reported, and left alone until `scoreback apply`.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.deployment import AlertRule, Delivery, Found, Reads, Standing
from scoreback.models.detector.spec import Detector
from scoreback.records import (
    Enrichment,
    ModelVersion,
    Severity,
    Stage,
    audit_rule_name,
    explore_rule_name,
)
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.explored_part import part_of
from scoreback.service.in_force.holding import held_back_here
from scoreback.service.state.deployed import is_deployed, note_deployed
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import CONTROL, PATIENCE

RULE = "alert_rule"  # the kind of an alert rule, in tables and in the state
OURS_TO_CHANGE = (Standing.ABSENT, Standing.OUTDATED)
NOT_OURS_TO_CHANGE = (Standing.EDITED, Standing.FOREIGN)

_log = logging.getLogger(__name__)


def log_warning(text: str) -> None:
    """Log *text* as a warning."""
    _log.warning("%s", text)


def rule_of(app: App, detector: Detector, version: ModelVersion) -> AlertRule:
    """The alert rule of *detector*, as it is in force now, while *version* scores."""
    detector = in_force(app.state, detector).detector
    throttle = detector.alerts.throttle
    if held_back_here(app.connector.rules, throttle):
        throttle = timedelta(0)  # Scoreback holds hits back; the rule must not do so a second time
    reads = reads_of(app, detector)
    return AlertRule(
        name=detector.name,
        detector=detector.name,
        version=version.version,
        per_entity=int(detector.alerts.per_entity),
        throttle=throttle,
        budget=detector.alerts.budget,
        severity=Severity(detector.alerts.severity),
        owner=detector.owner,
        description=f"{detector.use_case.replace('_', ' ')}, scored by {version.version}",
        entity_field=detector.entity,
        attack=tuple(detector.alerts.attack),
        delivery=delivery_of(app, detector),
        paused=not detector.enabled,
        use_case=detector.use_case,
        reads=reads,
        selection=app.query(detector).selection if reads is Reads.EVENTS else {},
    )


def audit_rule_of(app: App, detector: Detector, version: ModelVersion) -> AlertRule | None:
    """The rule that shows audits of *detector* as low alerts; None where none are wanted.

    Each audit is a finding of its own, so that somebody can close it with a verdict.
    """
    detector = in_force(app.state, detector).detector
    audits, door = detector.alerts.audit, app.connector.rules
    if audits is None or door is None:
        return None
    return replace(
        _rule_of_samples(rule_of(app, detector, version), door.delivers),
        name=audit_rule_name(detector.name),
        stage=Stage.AUDIT,
        severity=Severity.LOW,
        per_entity=int(audits),
        budget=audits,
        description=f"{int(audits)} a day of those that raised no alert: close each with a"
        " verdict, so that Scoreback can estimate missed attacks",
    )


def explore_rule_of(app: App, detector: Detector, version: ModelVersion) -> AlertRule | None:
    """The rule for what only a shadow of *detector* would show; None while nothing is explored.

    It belongs to no version: the scores of its stage say which shadow they come from. Cap and
    throttle were applied when its units were drawn.
    """
    detector = in_force(app.state, detector).detector
    part = part_of(detector, len(Versions(app.state).shadows(detector.name)))
    explored, door = detector.alerts.budget * detector.gate.explore, app.connector.rules
    if door is None or (part is None and detector.enabled) or not explored:
        return None
    return replace(
        _rule_of_samples(rule_of(app, detector, version), door.delivers),
        name=explore_rule_name(detector.name),
        stage=Stage.EXPLORE,
        version="",
        per_entity=max(int(detector.alerts.per_entity), math.ceil(explored)),
        budget=explored,
        description=f"{explored:g} a day of what only a new version would show: close each with a"
        " verdict, so that the two can be compared",
    )


def _rule_of_samples(live: AlertRule, delivers: Sequence[Delivery]) -> AlertRule:
    """A copy of the *live* rule for units drawn to be judged: each is an alert of its own.

    The caller sets its name, stage, numbers and words.
    """
    return replace(
        live,
        throttle=timedelta(0),
        delivery=Delivery.FINDING if Delivery.FINDING in delivers else delivers[0],
        reads=Reads.SCORES,
        selection={},
    )


def delivery_of(app: App, detector: Detector) -> Delivery:
    """How alerts of *detector* reach analysts: as its file asks, where the SIEM can do that."""
    delivers = (Delivery.FINDING,) if app.connector.rules is None else app.connector.rules.delivers
    asked = detector.alerts.deliver
    return Delivery(asked) if asked in delivers else delivers[0]


def reads_of(app: App, detector: Detector) -> Reads:
    """What *detector*'s rule looks at: what its file asks for, where the SIEM can do that."""
    door, asked = app.connector.rules, Reads(detector.alerts.reads)
    has_scores = asked is Reads.SCORES or app.enrichment(detector) is Enrichment.EVENT
    return asked if door is not None and asked in door.reads and has_scores else Reads.SCORES


def champions_rules(app: App, detector: Detector) -> tuple[AlertRule, ...]:
    """The rules that *detector* should have now, its own first; none while no version scores."""
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return ()
    stored_artifact(app, detector.name, champion)  # no rule may promise alerts of a lost model
    return (rule_of(app, detector, champion), *rules_beside(app, detector, champion))


def rules_beside(app: App, detector: Detector, champion: ModelVersion) -> tuple[AlertRule, ...]:
    """The rules of *detector* besides its own: for audits, and for what is explored."""
    found = (rule(app, detector, champion) for rule in (audit_rule_of, explore_rule_of))
    return tuple(one for one in found if one is not None)


def reconcile(
    app: App,
    detector: Detector,
    *,
    at: datetime,
    warn: Callable[[str], None] = log_warning,
) -> bool:
    """Bring the rules of *detector* up to date, unless somebody changed or removed them.

    Args:
        app: the open workspace.
        detector: the detector whose rules follow.
        at: the current time.
        warn: called with the reason if a rule stays as it is.

    Returns:
        Whether a rule was written.

    Raises:
        ArtifactError: the champion is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    if app.connector.rules is None:
        return False
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        written = [settle(app, rule, at=at, warn=warn) for rule in champions_rules(app, detector)]
    return any(written)


def settle(app: App, rule: AlertRule, *, at: datetime, warn: Callable[[str], None]) -> bool:
    """Write *rule* unless it is current, or somebody changed or removed it; whether it was written.

    The caller holds the lock for the rule's owner.
    """
    door = app.connector.rules
    if door is None:
        return False
    found = door.standing(rule)
    if found.standing in NOT_OURS_TO_CHANGE:
        warn(f"{in_words(rule, found)}; it stays as it is: see `scoreback plan`")
        return False
    if was_removed(app, RULE, rule.name, found):
        warn(
            f"somebody removed alert rule {rule.name!r} from the SIEM; no alerts are raised"
            " until `scoreback apply` brings it back"
        )
        return False
    if found.standing == Standing.CURRENT:
        note_deployed(app.state, app.connector.name, RULE, rule.name, at)
        return False
    put(app, rule, at)
    return True


def put(app: App, rule: AlertRule, at: datetime) -> None:
    """Write *rule* into the SIEM, and have our own engine look back, as the SIEM's would."""
    door, engine = app.connector.rules, app.connector.rule_engine
    if door is None:
        return
    door.apply(rule)
    note_deployed(app.state, app.connector.name, RULE, rule.name, at)
    if engine is not None:
        now = app.now(at)
        engine.evaluate(since=now - LOOK_BACK, at=now)


def was_removed(app: App, kind: str, name: str, found: Found) -> bool:
    """Whether somebody removed from the SIEM what we had put there."""
    absent = found.standing == Standing.ABSENT
    return absent and is_deployed(app.state, app.connector.name, kind, name)


def in_words(rule: AlertRule, found: Found) -> str:
    """What somebody did to *rule*."""
    foreign = found.standing == Standing.FOREIGN
    what = "is not Scoreback's" if foreign else "was edited by hand"
    return f"the SIEM's alert rule {rule.name!r} {what}"
