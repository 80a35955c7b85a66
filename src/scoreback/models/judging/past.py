"""What is remembered of units that were scored: enough to set thresholds by, and no more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Scored units, in any order; one element each."""

    times: NDArray[np.int64]  # microseconds; by these days, hours and the order are
    event_times: NDArray[np.int64]  # of the events themselves: earlier, where one was late
    entities: NDArray[np.int64]  # codes, the same for ever; -1 where the entity is absent
    scores: Floats
    draws: Floats  # even numbers in [0, 1), each of its unit for ever

    def take(self, rows: NDArray[np.int64]) -> "Units":
        """Those at *rows*."""
        return Units(
            times=self.times[rows],
            event_times=self.event_times[rows],
            entities=self.entities[rows],
            scores=self.scores[rows],
            draws=self.draws[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of a stretch that was judged, or that a training scored.

    *opened* says which of *units* opened an alert. *hours* counts all units that were scored, by
    the hour of their event, so that a quiet day is told from one of which nothing is known.
    *suppressed* counts likewise those that joined an alert and were not shown for it.
    """

    units: Units
    opened: NDArray[np.bool_]
    hours: dict[int, int] = field(default_factory=dict)  # microseconds → units
    suppressed: dict[int, int] = field(default_factory=dict)  # likewise


NOTHING = Past(
    units=Units(
        times=np.zeros(0, dtype=np.int64), event_times=np.zeros(0, dtype=np.int64),
        entities=np.zeros(0, dtype=np.int64), scores=np.zeros(0), draws=np.zeros(0),
    ),
    opened=np.zeros(0, dtype=bool),
)  # fmt: skip


def joined(parts: Sequence[Past]) -> Past:
    """*parts* as one."""
    if len(parts) == 1:
        return parts[0]
    parts = [NOTHING, *parts]
    hours, suppressed = Counter[int](), Counter[int]()
    for part in parts:
        hours.update(part.hours)
        suppressed.update(part.suppressed)
    return Past(
        units=Units(
            times=np.concatenate([part.units.times for part in parts]),
            event_times=np.concatenate([part.units.event_times for part in parts]),
            entities=np.concatenate([part.units.entities for part in parts]),
            scores=np.concatenate([part.units.scores for part in parts]),
            draws=np.concatenate([part.units.draws for part in parts]),
        ),
        opened=np.concatenate([part.opened for part in parts]),
        hours=dict(hours),
        suppressed=dict(suppressed),
    )
