"""What two versions have both scored: the arrival times of batches that both took part in."""

from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State
from scoreback.times import micros


class Covered:
    """Arrival times, half open, that two versions of a detector have both scored."""

    def __init__(self, spans: list[tuple[datetime, datetime]]) -> None:
        """Take *spans*, which may touch and overlap."""
        self._spans = _joined(spans)

    @classmethod
    def by(cls, state: State, detector: str, one: str, other: str) -> "Covered":
        """What both versions have scored, as far back as batches are kept."""
        t = tables.batches
        query = sa.select(t.c.version, t.c.since, t.c.until).where(
            t.c.detector == detector, t.c.status != "begun", t.c.version.contains(",")
        )
        with state.database.reads() as connection:
            rows = connection.execute(query).all()
        wanted = {one, other}
        return cls([(r.since, r.until) for r in rows if wanted <= set(r.version.split(","))])

    @property
    def total(self) -> timedelta:
        """The total length of the spans."""
        return sum((until - since for since, until in self._spans), timedelta(0))

    @property
    def since(self) -> datetime | None:
        """When the first span begins; None without any."""
        return self._spans[0][0] if self._spans else None

    @property
    def until(self) -> datetime | None:
        """When the last span ends; None without any."""
        return self._spans[-1][1] if self._spans else None

    def holds(self, arrivals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of *arrivals*, in microseconds, lie within a span."""
        found = np.zeros(len(arrivals), dtype=bool)
        for since, until in self._spans:
            found |= (arrivals >= micros(since)) & (arrivals < micros(until))
        return found


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found
