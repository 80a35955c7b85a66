"""What a scoring run is of: a detector, a model, the events read for them, and where to go on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.units import UnitPlan
from scoreback.records import EventQuery, ModelVersion, Stage
from scoreback.service.app import App
from scoreback.service.state.workspace_state import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreJob:
    """Whose events are to be scored, by which model."""

    detector: Detector
    version: ModelVersion
    artifact: Artifact
    since: datetime | None = None  # where a first run begins, by arrival; else where training ended
    stage: Stage = Stage.LIVE  # written on each score


def starting_point(
    app: App,
    detector: Detector,
    version: ModelVersion,
    *,
    since: datetime | None = None,
    until: datetime,
) -> Progress:
    """Where the last run stopped, or far enough before the first events that windows are full.

    Args:
        app: the open workspace.
        detector: whose events.
        version: whose model.
        since: where a first run begins, by arrival time; by default, where training ended.
        until: a first run begins no later.

    Raises:
        ConfigError: the detector has no selection for this SIEM.
    """
    named = plan_hash(detector, app.query(detector))
    found = app.state.progress(detector.name, named)
    if found is not None:
        return found
    resumed = app.state.latest_watermark(detector.name)  # another plan scored up to there
    first = resumed or since or version.trained_as_of
    plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
    watermark = min(first - reach(plan) - plan.lag, until)
    if units is not None:
        watermark = units.window_of(watermark)  # no unit is read in part
    return Progress(detector=detector.name, plan_hash=named, watermark=watermark, score_since=first)


def selected(selection: Mapping[str, object]) -> str:
    """Names the events of *selection*: the same text, in whatever order its keys are written."""
    return json.dumps(selection, sort_keys=True, default=str)


def plan_hash(detector: Detector, query: EventQuery) -> str:
    """Names everything that window state and waiting events depend on; 16 hex digits."""
    parts = {
        "features": [feature.model_dump(mode="json") for feature in detector.features],
        "lag": detector.lag.total_seconds(),
        "selection": query.selection,
        "fields": query.fields,
    }
    if detector.group is not None:
        parts["unit"] = detector.group.model_dump(mode="json")
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carried_fields(detector: Detector) -> tuple[str, ...]:
    """Event fields that scores carry: the entity first, then what the file copies."""
    copied = [name for name in detector.write.copy_fields if name != detector.entity]
    return (detector.entity, *copied)
