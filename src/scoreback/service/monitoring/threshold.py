"""The threshold that decides on alerts now, and why it is where it is."""

from dataclasses import dataclass
from datetime import datetime

from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.pacing_log import latest_threshold
from scoreback.service.state.versions import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A threshold on score, 0..1."""

    value: float
    reason: str
    since: datetime


def threshold_in_force(app: App, detector: Detector) -> InForce | None:
    """The threshold of the champion of *detector*; None while no version scores.

    Raises:
        ArtifactError: the champion is damaged.
    """
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return None
    latest = latest_threshold(app.state.database, detector.name, champion.version)
    if latest is not None:
        return InForce(value=latest.score, reason=latest.reason, since=latest.since)
    manifest = stored_artifact(app, detector.name, champion).manifest
    return InForce(value=manifest.threshold, reason="as trained", since=manifest.as_of)
