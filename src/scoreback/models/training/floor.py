"""Alerts that the budget would allow but the floor, `alerts.least_precision`, keeps back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoreback.models.detector.quantities import format_share
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.threshold import ScoredUnits, fit_threshold, suppression_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Alerts on the threshold days that the budget would allow but the floor keeps back."""

    per_day: float
    alerts: int
    true_alerts: int  # those known to be true


def given_up(detector: Detector, units: ScoredUnits, truth: NDArray[np.int8]) -> GivenUp:
    """Count the *units* that *detector*'s floor keeps back; their *truth* is 1, 0 or unknown."""
    rule, budget = suppression_of(detector), detector.alerts.budget
    floor = detector.alerts.least_precision
    free, floored = (
        units.alerts(fit_threshold(units, budget, rule, least).value, rule)
        for least in (0.0, floor)
    )
    lost = np.setdiff1d(free, floored)
    lost = lost[units.scores[lost] < floor]
    return GivenUp(
        per_day=len(lost) / units.days,
        alerts=len(lost),
        true_alerts=int((truth[lost] == 1).sum()),
    )


def in_words(detector: Detector, lost: GivenUp) -> str | None:
    """One sentence, or None if nothing is given up."""
    if not lost.alerts:
        return None
    return (
        f"the budget is not used up: {lost.per_day:.1f} alerts a day more would fit it, but their"
        f" chance to be true is below alerts.least_precision"
        f" ({format_share(detector.alerts.least_precision)}); {lost.true_alerts} of"
        f" {lost.alerts} on the latest days are known to be true"
    )
