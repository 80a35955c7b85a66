"""Where what is in force is not what a detector's file says: told by `plan` and `check`."""

from scoreback.connectors.doors.rules import RulesDoor
from scoreback.deployment import AlertRule, Suppress
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force, value_of


def overridden_keys(app: App, detector: Detector) -> list[str]:
    """The overrides of *detector* that stand, one sentence each."""
    return [
        f"{one.key} of {detector.name!r} is {one.value}: {one.author} set it on"
        f" {one.at:%Y-%m-%d %H:%M} UTC; its file says {value_of(detector, one.key)}"
        for one in in_force(app.state, detector).overrides
    ]


def refused_overrides(app: App, detector: Detector) -> list[str]:
    """The overrides of *detector* that do not count, one sentence each."""
    return [
        f"an override by {one.override.author} does not count: {one.reason}"
        for one in in_force(app.state, detector).refused
    ]


def not_delivered(detector: Detector, rule: AlertRule) -> list[str]:
    """A sentence where *detector* asks for what rules of this SIEM cannot deliver."""
    asked = detector.alerts.deliver
    if asked is None or asked == rule.delivery:
        return []
    return [
        (
            f"alert rule {rule.name!r} delivers each alert as a {rule.delivery.value}, not as"
            f" {asked}: this SIEM's rules do not do that"
        )
    ]


def not_held_back(rule: AlertRule, door: RulesDoor) -> list[str]:
    """What *rule* asks to hold back and rules of this SIEM cannot, one sentence each."""
    wanted = {Suppress.PER_ENTITY: f"more than {rule.per_entity} alerts of an entity and day"}
    if rule.throttle:
        wanted[Suppress.THROTTLE] = f"alerts of an entity within {rule.throttle}"
    return [
        f"alert rule {rule.name!r} cannot hold back {what}: this SIEM's rules do not do that"
        for kind, what in wanted.items()
        if kind not in door.suppresses
    ]
