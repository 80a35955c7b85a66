"""Which version scores, and the alert rule that follows from it."""

from datetime import datetime

from scoreback.errors import ArtifactError
from scoreback.models.artifact import Artifact, load
from scoreback.models.detector import Detector
from scoreback.records import AlertRule, ModelVersion, Severity
from scoreback.service.app import App
from scoreback.service.versions import Versions


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


def load_artifact(app: App, detector: Detector, version: ModelVersion) -> Artifact:
    """The artefact of *version*, checked.

    Raises:
        ArtifactError: it is damaged, or was trained for another feature plan.
    """
    artifact = load(
        app.artifact_folder(detector.name, version.version),
        expected_hash=version.artifact_hash,
        threads=app.settings.threads,
    )
    wanted = (tuple(detector.features), detector.lag, detector.unit)
    if (artifact.features, artifact.lag, artifact.manifest.unit) != wanted:
        raise ArtifactError(
            f"{version.version} of {detector.name!r} was trained for other features or another lag"
            " or unit than its file has now",
            hint="train again, or give the file its earlier features back",
        )
    return artifact


def deploy(app: App, detector: Detector, version: ModelVersion) -> Artifact:
    """Make the SIEM's rule that of *version*; writes only where they differ."""
    artifact = load_artifact(app, detector, version)
    rule = rule_of(detector, version, artifact)
    if app.connector.current(rule.name) != rule:
        app.connector.apply(rule)
    return artifact


def promote(app: App, detector: Detector, version: str, *, by: str, at: datetime) -> ModelVersion:
    """Let *version* score and raise alerts from now on.

    Raises:
        StateError: no such version.
        ArtifactError: its artefact is damaged; nothing is changed.
    """
    with app.state.lock(detector.name):
        versions = Versions(app.state)
        load_artifact(app, detector, versions.get(detector.name, version))
        champion = versions.promote(detector.name, version, by=by, at=at)
        deploy(app, detector, champion)
    return champion


def rollback(app: App, detector: Detector, *, by: str, at: datetime) -> ModelVersion:
    """Let the previous champion score again.

    Raises:
        StateError: there is no earlier champion.
    """
    with app.state.lock(detector.name):
        champion = Versions(app.state).rollback(detector.name, by=by, at=at)
        deploy(app, detector, champion)
    return champion
