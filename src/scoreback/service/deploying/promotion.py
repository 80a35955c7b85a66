"""Which version scores, and the alert rule that follows from it."""

import logging
from collections.abc import Callable
from datetime import datetime

from scoreback.deployment import AlertRule, Found, Standing
from scoreback.errors import ArtifactError, SiemRefused
from scoreback.models.artifact.folder import Artifact, load
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion, Severity
from scoreback.service.app import App
from scoreback.service.state.versions import Versions

PATIENCE = 60.0  # seconds that a person's command waits for a run of the same detector to end
OURS_TO_CHANGE = (Standing.ABSENT, Standing.OUTDATED)
NOT_OURS_TO_CHANGE = (Standing.EDITED, Standing.FOREIGN)

_log = logging.getLogger(__name__)


def rule_of(detector: Detector, version: ModelVersion, artifact: Artifact) -> AlertRule:
    """The alert rule of *detector* while *version* scores."""
    return AlertRule(
        name=detector.name,
        detector=detector.name,
        version=version.version,
        threshold=artifact.manifest.threshold,
        per_entity=int(detector.alerts.per_entity),
        throttle=detector.alerts.throttle,
        budget=detector.alerts.budget,
        severity=Severity(detector.alerts.severity),
        owner=detector.owner,
        description=f"{detector.use_case.replace('_', ' ')}, scored by {version.version}",
        attack=tuple(detector.alerts.attack),
    )


def stored_artifact(app: App, detector: str, version: ModelVersion) -> Artifact:
    """The artefact of *version*, checked, whatever the detector's file says by now.

    Raises:
        ArtifactError: it is damaged or gone.
    """
    return load(
        app.artifact_folder(detector, version.version),
        expected_hash=version.artifact_hash,
        threads=app.settings.threads,
    )


def load_artifact(app: App, detector: Detector, version: ModelVersion) -> Artifact:
    """The artefact of *version*, checked.

    Raises:
        ArtifactError: it is damaged, or was trained for another feature plan.
    """
    artifact = stored_artifact(app, detector.name, version)
    wanted = (tuple(detector.features), detector.lag, detector.unit)
    if (artifact.features, artifact.lag, artifact.manifest.unit) != wanted:
        raise ArtifactError(
            f"{version.version} of {detector.name!r} was trained for other features or another lag"
            " or unit than its file has now",
            hint="train again, or give the file its earlier features back",
        )
    return artifact


def deploy(
    app: App,
    detector: Detector,
    version: ModelVersion,
    warn: Callable[[str], None] = _log.warning,
) -> Artifact:
    """Make the SIEM's rule that of *version*, unless somebody changed it there.

    A rule that was edited by hand, or that is not ours, is left as it is and *warn* is told:
    scoring goes on with it.
    """
    artifact = load_artifact(app, detector, version)
    rule = rule_of(detector, version, artifact)
    found = app.connector.standing(rule)
    if found.standing in OURS_TO_CHANGE:
        app.connector.apply(rule)
    elif found.standing in NOT_OURS_TO_CHANGE:
        warn(f"{_in_words(rule, found)}; it is left so: see `scoreback plan`")
    return artifact


def promote(app: App, detector: Detector, version: str, *, by: str, at: datetime) -> ModelVersion:
    """Let *version* score and raise alerts from now on.

    Raises:
        StateError: no such version, or another process works on this detector.
        ArtifactError: its artefact is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
    """
    with app.state.lock(detector.name, wait=PATIENCE):
        versions = Versions(app.state)
        _refuse_edited(app, detector, versions.get(detector.name, version))
        champion = versions.promote(detector.name, version, by=by, at=at)
        deploy(app, detector, champion)
    return champion


def rollback(app: App, detector: Detector, *, by: str, at: datetime) -> ModelVersion:
    """Let the previous champion score again.

    Raises:
        StateError: there is no earlier champion, or another process works on this detector.
        ArtifactError: its artefact is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
    """
    with app.state.lock(detector.name, wait=PATIENCE):
        versions = Versions(app.state)
        _refuse_edited(app, detector, versions.earlier(detector.name))
        champion = versions.rollback(detector.name, by=by, at=at)
        deploy(app, detector, champion)
    return champion


def _refuse_edited(app: App, detector: Detector, version: ModelVersion) -> None:
    rule = rule_of(detector, version, load_artifact(app, detector, version))
    found = app.connector.standing(rule)
    if found.standing not in NOT_OURS_TO_CHANGE:
        return
    if Versions(app.state).champion(detector.name) is None:
        hint = "rename or remove that rule in the SIEM, or give the detector another name"
    else:
        hint = (
            "look at it with `scoreback plan`, then replace it with `scoreback apply --take-over`"
        )
    raise SiemRefused(f"{_in_words(rule, found)}; nothing was changed", hint=hint)


def _in_words(rule: AlertRule, found: Found) -> str:
    foreign = found.standing == Standing.FOREIGN
    what = "is not Scoreback's" if foreign else "was edited by hand"
    return f"the SIEM's alert rule {rule.name!r} {what}"
