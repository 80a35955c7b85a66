"""Which model a SIEM gets to score with by itself, and the gate before that."""

from scoreback.deployment import ModelResource, Resource
from scoreback.models.portable.making import NotPortable, portable_model
from scoreback.models.portable.parity import require_parity
from scoreback.portable.model import PortableModel
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.versions import Versions


def native_model(app: App, detector: str, version: str) -> PortableModel | None:
    """The model of *version* for the SIEM; None where that scores nothing by itself.

    Raises:
        NotPortable: the model means something only in the service.
        ArtifactError: it is damaged or gone.
    """
    if app.connector.native is None:
        return None
    stored = stored_artifact(app, detector, Versions(app.state).get(detector, version))
    return portable_model(stored, version)


def why_not_native(app: App, detector: str, version: str) -> list[str]:
    """Why the SIEM cannot score *detector* itself while *version* does: a sentence, or nothing."""
    try:
        native_model(app, detector, version)
    except NotPortable as error:
        return [error.message]
    return []


def pass_gate(app: App, wanted: Resource) -> None:
    """Let *wanted* go into the SIEM, if it is no model or one that scores as the service does.

    Raises:
        ParityBroken: it does not.
    """
    if isinstance(wanted, ModelResource):
        version = Versions(app.state).get(wanted.detector, wanted.version)
        require_parity(stored_artifact(app, wanted.detector, version), wanted.model)
