"""Which alerts a rollback takes back: those that the bad version alone raised, and nobody touched.

An alert of the bad version is taken back if the restored version would not have raised it, and it
is open, untouched by analysts. Whether the restored version would have raised it depends on
the unit that opened the alert: its score by that version, at the threshold of that version
(`scoreback.service.recalling.judged_again`). Cap, throttle and budget are left aside: they say how
many alerts are shown, not which events are worth one. Audits stay: they show a sample, for which no
version is to blame. Explored alerts stay: they were shown before the version raised alerts.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime

from scoreback.connectors.doors import AlertQuery, AlertsDoor
from scoreback.models.detector.spec import Detector
from scoreback.records import Alert, ModelVersion
from scoreback.service.app import App
from scoreback.service.recalling.judged_again import opinions
from scoreback.service.state.recalls import RecalledAlert, Recalls


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is taken back, how many alerts of the bad version are not, and why."""

    alerts: tuple[RecalledAlert, ...]
    counts: Mapping[str, int]  # raised, touched, both, undecided


def choose(
    app: App, detector: Detector, bad: str, restored: ModelVersion, raised_from: datetime | None
) -> Choice:
    """Choose which alerts of version *bad* a rollback to *restored* takes back; changes nothing.

    Args:
        app: the open workspace.
        detector: the detector that raised the alerts.
        bad: name of the version that raised them.
        restored: the version that scores again.
        raised_from: alerts raised before it come from an earlier reign of the bad version, and
            stay; None: there was no earlier reign.

    Raises:
        ArtifactError: the model of the restored version is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    door = app.connector.alerts
    if door is None:
        return Choice(alerts=(), counts={})
    raised = [
        one
        for one in door.find(AlertQuery(detector=detector.name, version=bad))
        if not (one.is_audit or one.is_explored)
        and (raised_from is None or one.raised_at >= raised_from)
    ]
    reopened = Recalls(app.state).reopened(detector.name)
    untouched = [one for one in raised if is_untouched(one, reopened)]
    said = opinions(app, detector, restored, untouched)
    alone = [
        RecalledAlert(
            alert_id=one.alert_id,
            event_time=one.event_time,
            entity=one.entity,
            score=one.score,
            restored_score=said[one.event_id].score,
        )
        for one in untouched
        if one.event_id in said and not said[one.event_id].would_alert
    ]
    undecided = sum(one.event_id not in said for one in untouched)
    counts = {
        "raised": len(raised),
        "touched": len(raised) - len(untouched),
        "both": len(untouched) - len(alone) - undecided,
        "undecided": undecided,
    }
    return Choice(alerts=tuple(alone), counts=counts)


def is_untouched(alert: Alert, reopened: Container[str]) -> bool:
    """Whether *alert* is open, and nobody but us has touched it, as with those we *reopened*."""
    return alert.verdict is None and (not alert.touched or alert.alert_id in reopened)


def still_there(door: AlertsDoor, detector: str, version: str) -> dict[str, Alert]:
    """The alerts of *version* as they are now, by id."""
    return {one.alert_id: one for one in door.find(AlertQuery(detector=detector, version=version))}
