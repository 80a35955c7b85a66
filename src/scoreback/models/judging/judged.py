"""The results of judging units: the values that the pacer returns, and its settings."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.pacing import Tick
from scoreback.models.judging.past import Past
from scoreback.models.learners.model import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The results for the units of one step, in their order."""

    alerts: NDArray[np.bool_]
    thresholds: Floats
    ticks: tuple[Tick, ...]  # new ones
    past: Past
    held_back: int  # units over their cut on a day that had already opened all its alerts
    suppressed: NDArray[np.bool_]  # over their cut, but not shown: they join an alert, or a pause
    days: tuple["UsualDay", ...] = ()  # the days that the units belong to
    # Units that open an alert.
    opens: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualDay:
    """A team's day, in microseconds, and the average number of units on the days before it."""

    since: int
    until: int
    units: float


@dataclass(slots=True, kw_only=True)
class Shown:
    """The results for the units of one step while they are computed."""

    alerts: NDArray[np.bool_]
    opens: NDArray[np.bool_]
    suppressed: NDArray[np.bool_]
    thresholds: Floats
    ticks: list[Tick] = field(default_factory=list)
    held_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Which hits the pacer must hold back because the SIEM's rules cannot."""

    joins: bool = False  # hits that join an alert
    all: bool = False  # every hit: the detector is paused


HOLDS_NOTHING = Holding()
