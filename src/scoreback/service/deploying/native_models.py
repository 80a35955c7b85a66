"""Which model a SIEM gets to score with by itself, and the gate before that."""

from collections.abc import Sequence

from scoreback.deployment import DetectorNeeds, ModelResource, Resource
from scoreback.models.detector.spec import Detector
from scoreback.models.portable.hard_events import RawEvent
from scoreback.models.portable.making import NotPortable, portable_model
from scoreback.models.portable.parity import NativeScorer, NativeScores, require_parity
from scoreback.portable.model import PortableModel
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.versions import Versions

TRIED = 500  # events that the SIEM itself is asked about before a model goes there


def native_model(app: App, detector: Detector, version: str) -> PortableModel | None:
    """The model of *version* for the SIEM; None where that scores nothing by itself.

    Raises:
        NotPortable: the model means something only in the service, or the SIEM cannot score by it.
        ArtifactError: it is damaged or gone.
        SiemUnavailable: the SIEM did not answer.
    """
    door, name = app.connector.native, detector.name
    if door is None:
        return None
    stored = stored_artifact(app, name, Versions(app.state).get(name, version))
    model = portable_model(stored, version)
    needs = DetectorNeeds(
        detector=name,
        version=version,
        entity_field=detector.entity,
        selection=app.query(detector).selection,
        enriches=frozenset(),
        model=model,
    )
    hindrances = tuple(door.hindrances(needs))
    if hindrances:
        raise NotPortable(name, hindrances)
    return model


def why_not_native(app: App, detector: Detector, version: str) -> list[str]:
    """Why the SIEM cannot score *detector* itself while *version* does: a sentence, or nothing."""
    try:
        native_model(app, detector, version)
    except NotPortable as error:
        return [error.message]
    return []


def pass_gate(app: App, wanted: Resource) -> None:
    """Let *wanted* go into the SIEM, if it is not a model or one that scores as the service does.

    The plain scorer is asked of many events, and the SIEM itself of some, where it can be.

    Raises:
        ParityBroken: it does not.
        SiemRefused: the SIEM cannot score by it.
    """
    if not isinstance(wanted, ModelResource):
        return
    version = Versions(app.state).get(wanted.detector, wanted.version)
    stored = stored_artifact(app, wanted.detector, version)
    native = _trial(app, wanted)
    if native is not None:  # it may well say no, and costs less
        require_parity(stored, wanted.model, native, rows=TRIED)
    require_parity(stored, wanted.model)


def _trial(app: App, wanted: ModelResource) -> NativeScorer | None:
    """The SIEM's own scorer; None where it cannot be asked."""
    door = app.connector.native
    if door is None or door.tried(wanted, [], 1.0, 0.0) is None:
        return None

    def score(events: Sequence[RawEvent], threshold: float, cut: float) -> NativeScores:
        found = door.tried(wanted, events, threshold, cut)
        return NativeScores(*found) if found is not None else NativeScores([], [])

    return score
