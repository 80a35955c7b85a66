"""The artefacts of a workspace's versions, verified when they are loaded."""

from scoreback.errors import ArtifactError
from scoreback.models.artifact.folder import Artifact, load
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.state.versions import Versions


def stored_artifact(app: App, detector: str, version: ModelVersion) -> Artifact:
    """The verified artefact of *version*, even if the detector's file has changed since.

    Raises:
        ArtifactError: it is damaged or gone.
    """
    return load(
        app.artifact_folder(detector, version.version),
        expected_hash=version.artifact_hash,
        threads=app.settings.threads,
    )


def load_artifact(app: App, detector: Detector, version: ModelVersion) -> Artifact:
    """The verified artefact of *version*.

    Raises:
        ArtifactError: it is damaged, or was trained for another feature plan.
    """
    artifact = stored_artifact(app, detector.name, version)
    wanted = (tuple(detector.features), detector.lag, detector.unit)
    if (artifact.features, artifact.lag, artifact.manifest.unit) != wanted:
        raise ArtifactError(
            f"{version.version} of {detector.name!r} was trained for other features, or another"
            " lag or unit, than its file has now",
            hint="train again, or restore the earlier features in the file",
        )
    return artifact


def unusable_versions(app: App, detector: Detector) -> dict[str, str]:
    """Which of the champion and its shadows cannot score, and why."""
    found = {}
    for version in Versions(app.state).due(detector.name):
        try:
            load_artifact(app, detector, version)
        except ArtifactError as error:
            found[version.version] = error.message
    return found
