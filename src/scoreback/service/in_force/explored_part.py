"""The part of a detector's budget spent on what only a shadow would show, as it is in force."""

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.explore_sample import Part


def part_of(detector: Detector, shadows: int) -> Part | None:
    """The part of *detector*'s budget to explore while that many *shadows* score; None: nothing."""
    alerts = detector.alerts.budget * detector.gate.explore
    active = shadows and detector.enabled and detector.gate.shadow and alerts > 0
    return Part(detector.name, alerts) if active else None
