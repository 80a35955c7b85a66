"""What happens to a freshly trained candidate: it scores, alone or as a shadow, or it waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scoreback.models.detector.spec import Detector, format_duration
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.promotion import promote
from scoreback.service.in_force.detector import in_force
from scoreback.service.state.versions import SERVICE, Versions

Next = Literal["promote", "shadow", "wait"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to the candidate, and why, in words that follow "it"."""

    next: Next
    why: str


def decide(app: App, detector: Detector, candidate: ModelVersion) -> Decision:
    """What the detector's gate says of *candidate*, which training did not refuse.

    The figures of two trainings cover different days, and so decide nothing between a candidate and
    the champion: both score the same events for a while, and are compared on those.
    """
    detector = in_force(app.state, detector).detector
    champion = Versions(app.state).champion(detector.name)
    if champion is not None and champion.version == candidate.version:
        return Decision("wait", "is the version that scores already")
    if champion is None:
        if detector.gate.approval == "manual":
            return Decision("wait", "waits for a person to promote it, as no version scores yet")
        return Decision("promote", "is promoted, as no version scored yet")
    if candidate.status == "retired":
        return Decision("wait", "is the same as a version that was retired")
    if not detector.gate.shadow:
        return Decision(
            "wait",
            f"waits for a person to promote it: gate.shadow is 0s, so that nothing compares it with"
            f" {champion.version} on the same days",
        )
    return Decision(
        "shadow",
        f"scores in shadow beside {champion.version}, and is compared with it after"
        f" {format_duration(detector.gate.shadow)}",
    )


def let_in(app: App, detector: Detector, candidate: ModelVersion, *, at: datetime) -> Decision:
    """Do with *candidate* what `decide` says.

    Raises:
        ArtifactError, SiemRefused: as for a promotion; nothing is changed.
    """
    decision = decide(app, detector, candidate)
    if decision.next == "promote":
        promote(app, detector, candidate.version, by=SERVICE, at=at)
    elif decision.next == "shadow":
        Versions(app.state).shadow(detector.name, candidate.version, by=SERVICE, at=at)
    return decision
