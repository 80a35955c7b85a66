"""What is remembered of units that were scored: enough to set thresholds by, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Scored units, in any order; one element each."""

    times: NDArray[np.int64]  # microseconds; by these days, hours and the order are
    entities: NDArray[np.int64]  # codes, the same for ever; -1 where the entity is absent
    scores: Floats
    draws: Floats  # even numbers in [0, 1), each of its unit for ever

    def take(self, rows: NDArray[np.int64]) -> "Units":
        """Those at *rows*."""
        return Units(
            times=self.times[rows],
            entities=self.entities[rows],
            scores=self.scores[rows],
            draws=self.draws[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of a stretch that was judged, or that a training scored.

    *opened* says which of *units* opened an alert. *hours* counts all units that were scored, by
    the hour of their event, so that a quiet day is told from one of which nothing is known.
    """

    units: Units
    opened: NDArray[np.bool_]
    hours: dict[int, int] = field(default_factory=dict)  # microseconds → units


NOTHING = Past(
    units=Units(
        times=np.zeros(0, dtype=np.int64), entities=np.zeros(0, dtype=np.int64),
        scores=np.zeros(0), draws=np.zeros(0),
    ),
    opened=np.zeros(0, dtype=bool),
)  # fmt: skip


def joined(parts: Sequence[Past]) -> Past:
    """*parts* as one."""
    if len(parts) == 1:
        return parts[0]
    parts = [NOTHING, *parts]
    hours: dict[int, int] = {}
    for part in parts:
        for hour, count in part.hours.items():
            hours[hour] = hours.get(hour, 0) + count
    return Past(
        units=Units(
            times=np.concatenate([part.units.times for part in parts]),
            entities=np.concatenate([part.units.entities for part in parts]),
            scores=np.concatenate([part.units.scores for part in parts]),
            draws=np.concatenate([part.units.draws for part in parts]),
        ),
        opened=np.concatenate([part.opened for part in parts]),
        hours=hours,
    )
