"""What the SIEM scores by itself: the champion's model and the threshold in force, kept up to date.

A model goes there only if it passes the gate (`scoreback.models.portable.parity`). The scores that
the service writes do not depend on any of this.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from scoreback.connectors.doors import ResourcesDoor
from scoreback.deployment import MODEL, ModelResource, NativePoint
from scoreback.errors import ArtifactError, SiemRefused, StateError
from scoreback.models.detector.spec import Detector
from scoreback.models.portable.making import NotPortable
from scoreback.models.portable.parity import ParityBroken
from scoreback.models.portable.thresholds import cut_of
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.deploying.detector_resources import detector_resources
from scoreback.service.deploying.native_models import native_model, pass_gate
from scoreback.service.deploying.reconcile import OURS_TO_CHANGE, log_warning, rule_of, was_removed
from scoreback.service.state.deployed import note_deployed, note_removed
from scoreback.service.state.pacing_log import latest_threshold
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import CONTROL, PATIENCE

Warn = Callable[[str], None]
_GATE = "its model gives other scores in the SIEM than in the service"


def follow_native(
    app: App,
    detectors: Sequence[Detector],
    *,
    at: datetime,
    warn: Warn = log_warning,
    anew: bool = False,
) -> None:
    """Have the SIEM score with the champion of each of *detectors*, at the threshold in force.

    It asks the SIEM once and writes only what differs, so it may be called every minute.

    Args:
        app: the open workspace.
        detectors: the detectors whose champions the SIEM should use.
        at: the current time.
        warn: called with the reason where a model does not go there.
        anew: check the models there too, as their fields may have been renamed.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    door, resources = app.connector.native, app.connector.resources
    if door is None or resources is None:
        return
    there = door.in_force()
    for detector in detectors:
        now = there.get(detector.name)
        with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
            champion = Versions(app.state).champion(detector.name)
            if champion is None:
                continue
            point = now
            if now is None or anew or now.version != champion.version:
                point = _put_model(app, resources, detector, champion, at, warn)
            if point is None:
                continue
            if not point.why:
                point = _at_threshold(app, detector, champion, point)
            if point != now:
                door.put_in_force(replace(point, updated_at=at))
                if not point.why and (now is None or now.version != point.version):
                    _forget_old(app, resources, detector, champion)


def _put_model(
    app: App,
    resources: ResourcesDoor,
    detector: Detector,
    champion: ModelVersion,
    at: datetime,
    warn: Warn,
) -> NativePoint | None:
    """Put the model of *champion* into the SIEM; None where the model there stays as it is."""
    point = NativePoint(
        detector=detector.name,
        entity_field=detector.entity,
        version=champion.version,
        updated_at=at,
    )
    try:
        native_model(app, detector, champion.version)
        needed = detector_resources(app, detector, rule_of(app, detector, champion))
        wanted = next((one for one in needed if isinstance(one, ModelResource)), None)
        if wanted is None:
            return None
        found = resources.standing(wanted)
        if was_removed(app, wanted.kind, wanted.name, found):
            warn(f"somebody removed the model {wanted.name} from the SIEM: see `scoreback plan`")
            return None
        if found.standing in OURS_TO_CHANGE:
            pass_gate(app, wanted)
            resources.apply(wanted)
        note_deployed(app.state, app.connector.name, wanted.kind, wanted.name, at)
    except NotPortable as error:
        return replace(point, why="; ".join(error.reasons))
    except ParityBroken as error:
        warn(error.message)
        return replace(point, why=_GATE)
    except SiemRefused as error:
        warn(f"{error.message}; the SIEM scores as before")
        return None
    except ArtifactError as error:
        warn(f"{error.message}; the SIEM scores as before")
        return None
    return replace(point, digest=wanted.digest)


def _at_threshold(
    app: App, detector: Detector, champion: ModelVersion, point: NativePoint
) -> NativePoint:
    """*point* at the threshold that last judged scores, or else at that of the training."""
    latest = latest_threshold(app.state.database, detector.name, champion.version)
    if latest is not None:
        threshold = latest.score
    else:
        threshold = stored_artifact(app, detector.name, champion).manifest.threshold
        threshold = max(threshold, detector.alerts.least_precision)
    return replace(point, threshold=threshold, cut=cut_of(threshold))


def _forget_old(
    app: App, resources: ResourcesDoor, detector: Detector, champion: ModelVersion
) -> None:
    """Remove models of earlier versions from the SIEM, except the one a rollback leads to."""
    kept = {champion.version}
    with suppress(StateError):  # there may be none
        kept.add(Versions(app.state).earlier(detector.name).version)
    for one in resources.made():
        model = one.kind == MODEL and one.detector == detector.name
        if model and one.version not in kept:
            resources.remove(one)
            note_removed(app.state, app.connector.name, one.kind, one.name)
