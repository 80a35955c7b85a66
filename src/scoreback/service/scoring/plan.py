"""What a scoring run is about: a detector, its models, the events read for them, where to go on."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.online import waiting_events
from scoreback.models.features.online_units import open_from
from scoreback.models.features.units import UnitPlan
from scoreback.records import EventQuery, ModelVersion, Stage
from scoreback.service.app import App
from scoreback.service.state.batches import Progress
from scoreback.times import moment

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that scores."""

    version: ModelVersion
    artifact: Artifact
    stage: Stage = Stage.LIVE  # written on each score


Models = tuple[Model, ...]  # models that score the same rows, the champion first


def _as_before() -> None:
    """Change nothing: the same models go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreJob:
    """Whose events to score, and with which models."""

    detector: Detector
    models: Models
    since: datetime | None = None  # arrival where a first run begins; None: where training ended
    # Called between two steps: returns the models from now on, or None if nothing changed.
    changed: Callable[[], Models | None] = _as_before
    # Filled with shadows that cannot score: version → why. The champion goes on without them.
    unusable: dict[str, str] = field(default_factory=dict)


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
        detector: the detector to score.
        version: the version that scores.
        since: where a first run begins, by arrival time; by default, where training ended.
        until: the latest time at which a first run begins.

    Raises:
        ConfigError: the detector has no selection for this SIEM.
    """
    query = app.query(detector)
    named, selection = plan_hash(detector, query), selected(query.selection)
    found = app.state.progress(detector.name, named)
    latest = app.state.latest_progress(detector.name)
    mine = found is not None and (latest is None or latest.plan_hash == named)
    gone = found is not None and _windows_are_gone(app, found)
    if found is not None and mine and not gone:
        return replace(found, selection=selection)
    plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
    first, owed = since or version.trained_as_of, None
    if found is not None and mine:
        _log.warning("window state is gone; the history of its windows is read again",
                     extra={"detector": detector.name})  # fmt: skip
        # What waited for its windows arrived within the lag. Of what arrived then, nothing that is
        # scored already comes twice: its scores have the same names.
        first, owed = max(found.score_since, found.watermark - plan.lag), found.owed
    elif latest is not None:  # another plan scored up to there, except what waits
        first, owed = _left_by(latest, units)
    if found is not None and not gone:
        # This plan was left for the other one and comes back, or has not caught up with it yet: its
        # windows are good, and of the events waiting in it, those are scored that the other missed.
        counted = 0 if first >= found.watermark else None
        return replace(found, score_since=first, owed=owed, selection=selection, events=counted)
    oldest = first
    if owed is not None:
        place = owed_file(app, detector, owed)
        oldest = min(first, pc.min(waiting_events(place.parent, place.name)["event_time"]).as_py())
    watermark = min(oldest - reach(plan) - plan.lag, until)
    if units is not None:
        watermark = units.window_of(watermark)  # so that no unit is read in part
    return Progress(
        detector=detector.name,
        plan_hash=named,
        watermark=watermark,
        score_since=first,
        owed=owed,
        selection=selection,
        events=0,
    )


def owed_file(app: App, detector: Detector, owed: str) -> Path:
    """The file of events that an earlier plan left waiting, as `Progress.owed` names it."""
    return app.windows_folder(detector.name) / owed


def _left_by(latest: Progress, units: UnitPlan | None) -> tuple[datetime, str | None]:
    """The arrival from which to score after *latest*, and the file of waiting events before that.

    Under the earlier plan, events wait for `lag` and units are open: nobody has scored them yet.
    """
    first = max(latest.watermark, latest.score_since)  # an interrupted first run scored nothing
    if latest.pending is None:
        return first, None
    opened = open_from(latest.pending)
    if opened is None:
        return first, None if units is not None else f"{latest.plan_hash}/{latest.pending}"
    if units is None:
        return first, None
    # A unit arrives a microsecond before its window's end + lag: units of earlier windows have.
    return max(moment(opened) + units.lag, latest.score_since), None


def _windows_are_gone(app: App, progress: Progress) -> bool:
    """Whether window files are missing: somebody removed the folder, as an error told them to."""
    if not progress.segments and progress.pending is None:
        return False
    folder = app.windows_folder(progress.detector) / progress.plan_hash
    return not any(folder.rglob("*.parquet"))


def selected(selection: Mapping[str, object]) -> str:
    """A text that stands for the events of *selection*, whatever the order of its keys."""
    return json.dumps(selection, sort_keys=True, default=str)


def plan_hash(detector: Detector, query: EventQuery) -> str:
    """A hash of everything that window state and waiting events depend on; 16 hex digits."""
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
