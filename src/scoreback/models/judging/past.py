"""What is remembered of scored units: just enough to set thresholds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Scored units, in any order; one element each."""

    times: NDArray[np.int64]  # microseconds; they decide day, hour and order
    event_times: NDArray[np.int64]  # of the events themselves: earlier for late ones
    entities: NDArray[np.int64]  # permanent codes; -1 if there is no entity
    scores: Floats
    draws: Floats  # uniform numbers in [0, 1), fixed for each unit

    def take(self, rows: NDArray[np.int64]) -> "Units":
        """The units at *rows*."""
        return Units(
            times=self.times[rows],
            event_times=self.event_times[rows],
            entities=self.entities[rows],
            scores=self.scores[rows],
            draws=self.draws[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of a period that was judged live or scored by a training.

    *opened* says which of *units* opened an alert. *hours* counts all scored units by hour, which
    distinguishes a quiet day from one about which nothing is known. *suppressed* counts, also by
    hour, hits that were not shown because they joined an alert, or the detector was paused.
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
    """Join *parts* into one."""
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
