"""Looks at one detector: makes all its health documents, and writes them to the SIEM."""

from datetime import datetime

from scoreback.health import HealthDocument
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.paused import paused
from scoreback.service.labels.quarantine import in_quarantine, in_words
from scoreback.service.monitoring.drift import drift
from scoreback.service.monitoring.gates import gates
from scoreback.service.monitoring.outcomes import outcomes
from scoreback.service.monitoring.recalled import recalled
from scoreback.service.monitoring.retraining import due_by
from scoreback.service.monitoring.spread import spread
from scoreback.service.monitoring.status import status
from scoreback.service.monitoring.subject import Subject
from scoreback.service.monitoring.upkeep import upkeep
from scoreback.service.state.versions import Versions


def health_of(app: App, detector: Detector, *, now: datetime) -> list[HealthDocument]:
    """The health documents of *detector*, its status first; none while no version scores.

    Raises:
        ArtifactError: the champion is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return []
    held = in_force(app.state, detector)
    detector = held.detector
    subject = Subject(app=app, detector=detector, champion=champion, now=now)
    doubted = in_quarantine(app, detector, now)
    came, moved = outcomes(subject, doubted), drift(subject)
    due = due_by(subject, [*came, *moved])
    found = [
        *came,
        *upkeep(subject, None if due is None else str(due)),
        *gates(subject),
        *recalled(subject),
        *spread(subject),
        *moved,
    ]
    return [status(subject, found, paused(held), in_words(doubted)), *found]


def monitor(app: App, detector: Detector, *, now: datetime) -> list[HealthDocument]:
    """Write the health of *detector* to the SIEM, and have the rules about health look at it.

    A second call for the same moment changes nothing.

    Raises:
        ArtifactError: the champion is damaged.
        SiemUnavailable: the SIEM did not answer.
        SiemRefused: a privilege or a template is missing.
    """
    documents, door = health_of(app, detector, now=now), app.connector.health
    if documents and door is not None:
        door.write(documents)
        if app.connector.rule_engine is not None:
            app.connector.rule_engine.evaluate_health(documents, at=now)
    return documents
