"""Which model a SIEM gets to score with itself, and the gate that the model must pass first."""

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

TRIED = 500  # events that the SIEM scores as a trial before a model goes there


def native_model(app: App, detector: Detector, version: str) -> PortableModel | None:
    """The model of *version* for the SIEM; None where the SIEM scores nothing by itself.

    Raises:
        NotPortable: the model works only in the service, or the SIEM cannot score with it.
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
    """Why the SIEM itself cannot score *detector* with *version*: one sentence, or none."""
    try:
        native_model(app, detector, version)
    except NotPortable as error:
        return [error.message]
    return []


def pass_gate(app: App, wanted: Resource) -> None:
    """Check *wanted* before it goes into the SIEM: a model must score as the service does.

    The plain scorer is tried on many events, the SIEM's own scorer on some, if it can be asked.

    Raises:
        ParityBroken: it scores differently.
        SiemRefused: the SIEM cannot score with it.
    """
    if not isinstance(wanted, ModelResource):
        return
    version = Versions(app.state).get(wanted.detector, wanted.version)
    stored = stored_artifact(app, wanted.detector, version)
    native = _trial(app, wanted)
    if native is not None:  # it may well refuse, and costs less
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
