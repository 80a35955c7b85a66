"""Where what is in force differs from a detector's file: shown by `plan` and `check`."""

from scoreback.deployment import AlertRule, Suppress
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force, value_of
from scoreback.service.in_force.holding import held_back_here


def overridden_keys(app: App, detector: Detector) -> list[str]:
    """The overrides of *detector* that are in force, one sentence each."""
    return [
        f"{one.key} of {detector.name!r} is {one.value}: {one.author} set it on"
        f" {one.at:%Y-%m-%d %H:%M} UTC; its file says {value_of(detector, one.key)}"
        for one in in_force(app.state, detector).overrides
    ]


def refused_overrides(app: App, detector: Detector) -> list[str]:
    """The overrides of *detector* that are refused, one sentence each."""
    return [
        f"an override by {one.override.author} is ignored: {one.reason}"
        for one in in_force(app.state, detector).refused
    ]


def not_delivered(detector: Detector, rule: AlertRule) -> list[str]:
    """A sentence if *detector* asks for a delivery that this SIEM's rules cannot do."""
    asked = detector.alerts.deliver
    if asked is None or asked == rule.delivery:
        return []
    return [
        (
            f"alert rule {rule.name!r} delivers each alert as a {rule.delivery.value}, not as"
            f" {asked}: this SIEM's rules do not do that"
        )
    ]


def not_read(detector: Detector, rule: AlertRule) -> list[str]:
    """A sentence if *detector* asks for a rule over data that this SIEM's rules cannot look at."""
    asked = detector.alerts.reads
    if asked == rule.reads:
        return []
    return [
        (
            f"alert rule {rule.name!r} looks at {rule.reads.value}, not at {asked}: this SIEM's"
            " rules do not do that"
        )
    ]


def held_back_instead(app: App, detector: Detector) -> list[str]:
    """A sentence if Scoreback holds back hits itself, as this SIEM's rules cannot do so."""
    door, alerts = app.connector.rules, in_force(app.state, detector).detector.alerts
    if door is None or not held_back_here(door, alerts.throttle):
        return []
    asked = {Suppress.PER_ENTITY: f"more than {int(alerts.per_entity)} alerts of an entity and day"}
    if alerts.throttle:
        asked[Suppress.THROTTLE] = f"alerts of an entity within {alerts.throttle}"
    cannot = " or ".join(what for kind, what in asked.items() if kind not in door.suppresses)
    return [
        (
            f"this SIEM's rules cannot hold back {cannot}: Scoreback itself holds back the hits of"
            f" {detector.name!r} by cap and throttle; their scores are stored with `alert` false"
        )
    ]
