"""What became of units that were judged: the values that the pacer takes and gives."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.pacing import Tick
from scoreback.models.judging.past import Past
from scoreback.models.learners.model import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the units of one step, in their order."""

    alerts: NDArray[np.bool_]
    thresholds: Floats
    ticks: tuple[Tick, ...]  # that were new
    past: Past
    held_back: int  # over their cut on a day that had opened all it may
    suppressed: NDArray[np.bool_]  # over their cut, and not shown as they join an alert
    days: tuple["UsualDay", ...] = ()  # that the units are of
    # Those that open an alert.
    opens: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualDay:
    """A day of the team, in microseconds, and how many units the days before it had."""

    since: int
    until: int
    units: float


@dataclass(slots=True, kw_only=True)
class Shown:
    """What is being found out of the units of one step."""

    alerts: NDArray[np.bool_]
    opens: NDArray[np.bool_]
    suppressed: NDArray[np.bool_]
    thresholds: Floats
    ticks: list[Tick] = field(default_factory=list)
    held_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Whether hits are held back here, as nobody else does it."""

    joins: bool = False  # those that join an alert
    all: bool = False  # every hit: the detector is paused


HOLDS_NOTHING = Holding()
