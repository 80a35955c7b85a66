"""The threshold that decides on alerts now, and why it is where it is."""

from dataclasses import dataclass
from datetime import datetime

from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.pacing_log import latest_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A threshold on the score, 0..1."""

    value: float
    reason: str
    since: datetime


def threshold_in_force(app: App, champion: ModelVersion) -> InForce:
    """The threshold in force for *champion*.

    Raises:
        ArtifactError: it is damaged.
    """
    latest = latest_threshold(app.state.database, champion.detector, champion.version)
    if latest is not None:
        return InForce(value=latest.score, reason=latest.reason, since=latest.since)
    manifest = stored_artifact(app, champion.detector, champion).manifest
    return InForce(value=manifest.threshold, reason="as trained", since=manifest.as_of)
