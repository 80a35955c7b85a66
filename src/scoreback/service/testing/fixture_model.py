"""The model that a test runs with: one in a folder, or the champion of a workspace."""

from pathlib import Path
from typing import TYPE_CHECKING

from scoreback.errors import ArtifactError, DataError
from scoreback.models.detector.spec import Detector
from scoreback.service.settings import Settings

if TYPE_CHECKING:
    from scoreback.models.artifact.folder import Artifact

_MANIFEST = "manifest.json"  # as `artifact.folder.MANIFEST`, a test says; that loads libraries
NONE = "it needs a model, and there is none"
HINT = (
    "name the folder of a model with --model, or a workspace that has a champion with --home; or"
    " leave such tests out with --without-model"
)


def model_of(detector: Detector, settings: Settings, folder: Path | None) -> "Artifact":
    """The model that scores fixtures of *detector*: from *folder*, else the workspace's champion.

    Args:
        detector: the detector under test.
        settings: settings of the workspace; if there is no workspace, none is made.
        folder: an artefact, or a folder with one artefact per detector, named after it.

    Raises:
        DataError: there is no model.
        ArtifactError: it is damaged, of another detector, or was trained for other features.
    """
    from scoreback.models.artifact.folder import load

    if folder is not None:
        own = folder if (folder / _MANIFEST).exists() else folder / detector.name
        artifact = load(own, threads=settings.threads)
    else:
        artifact = _champion(detector, settings)
    manifest = artifact.manifest
    if manifest.detector != detector.name:
        raise ArtifactError(
            f"the model in {folder} is of the detector {manifest.detector!r}, not of"
            f" {detector.name!r}",
            hint="name the folder of another model with --model",
        )
    wanted = (tuple(detector.features), detector.lag, detector.unit)
    if (artifact.features, artifact.lag, manifest.unit) != wanted:
        raise ArtifactError(
            f"the model of {detector.name!r} was trained for other features or another lag or unit"
            " than its file has now",
            hint="train again, or give the file its earlier features back",
        )
    return artifact


def _champion(detector: Detector, settings: Settings) -> "Artifact":
    if not settings.state.exists():
        raise DataError(f"{NONE}: there is no workspace in {settings.home.absolute()}", hint=HINT)
    from scoreback.models.artifact.folder import load
    from scoreback.service.state.versions import Versions
    from scoreback.service.state.workspace_state import State

    with State.open(settings.state) as state:
        champion = Versions(state).champion(detector.name)
    if champion is None:
        raise DataError(
            f"{NONE}: no version of {detector.name!r} scores in {settings.home.absolute()}",
            hint=HINT,
        )
    return load(
        settings.models / detector.name / champion.version,
        expected_hash=champion.artifact_hash,
        threads=settings.threads,
    )
