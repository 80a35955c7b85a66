"""Whether a freshly trained candidate may score without a person's word."""

from dataclasses import dataclass

from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.state.versions import Versions


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, and why (not), in words that follow "it"."""

    promote: bool
    why: str


def decide(app: App, detector: Detector, candidate: ModelVersion) -> Decision:
    """What the detector's gate says of *candidate*, which training did not refuse.

    The figures of two trainings are of different days and so decide nothing between a candidate
    and the champion: where there is a champion, a person compares their reports.
    """
    champion = Versions(app.state).champion(detector.name)
    if champion is not None and champion.version == candidate.version:
        return Decision(promote=False, why="is the version that scores already")
    if detector.gate.approval == "manual":
        return Decision(promote=False, why="waits for a person to promote it")
    if champion is None:
        return Decision(promote=True, why="is promoted, as no version scored yet")
    return Decision(
        promote=False,
        why=f"waits for a person to promote it, as nothing compares it with {champion.version} on"
        " the same days yet",
    )
