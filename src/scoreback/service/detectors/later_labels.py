"""Labels that the SIEM came to know after it had stored their events."""

from scoreback.connectors.doors import LaterValues
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.later_labels import LaterLabels, Training
from scoreback.service.app import App
from scoreback.service.state.versions import Versions


def later_labels(app: App, detector: Detector) -> LaterLabels | None:
    """The labels that *detector*'s events got later; None: they have no labels, or got none later.

    Raises:
        SiemRefused: the SIEM does not understand the detector's selection.
    """
    spec, door = detector.labels.field, app.connector.events
    if spec is None or not isinstance(door, LaterValues):
        return None
    fields = [spec.name] if spec.time is None else [spec.name, spec.time]
    told = door.later_values(app.query(detector).selection, fields)
    trainings = [
        Training(made_at=version.created_at, as_of=version.trained_as_of)
        for version in Versions(app.state).list(detector.name)
    ]
    return LaterLabels(spec, told, trainings) if told.num_rows else None
