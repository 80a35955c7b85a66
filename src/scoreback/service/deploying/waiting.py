"""What a detector's file says by now, and the model in force does not do before a training."""

from scoreback.connectors.doors.rules import RulesDoor
from scoreback.deployment import AlertRule, Suppress
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.versions import Versions


def waits_for_training(app: App, detector: Detector) -> list[str]:
    """Keys of the file that differ from what the champion was trained for, one sentence each.

    Raises:
        ArtifactError: the champion is damaged.
    """
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return []
    manifest = stored_artifact(app, detector.name, champion).manifest
    if manifest.budget == detector.alerts.budget:
        return []
    said = (
        f"alerts.budget of {detector.name!r} is {detector.alerts.budget:g} a day in its file;"
        f" {champion.version} keeps to the {manifest.budget:g} a day that it was trained for until"
        " the next training"
    )
    return [said]


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
