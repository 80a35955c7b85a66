"""Recently opened alerts, by UTC day, which later hits of the same entity join."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoreback.suppression import DAY_US


class Opening(NamedTuple):
    """An opened alert; times in microseconds."""

    counted: int  # the time by which the budget counts it
    event_time: int  # of the event that opened it; earlier than `counted` if that was late
    entity: int  # permanent code; -1 if there is none


class Openings:
    """Opened alerts that hits can join, found by day."""

    def __init__(self, known: Iterable[Opening], *, by_event: bool) -> None:
        """Begin with *known*.

        Args:
            known: in any order.
            by_event: use a hit's event time, as a SIEM's rules do; else the time by which the
                budget counts it.
        """
        self._by_event = by_event
        self._days: dict[int, list[Opening]] = {}
        for one in known:
            self.add(one)

    def add(self, opening: Opening) -> None:
        """Let later hits join *opening*."""
        self._days.setdefault(self._time(opening) // DAY_US, []).append(opening)

    def beside(self, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times and entities of the alerts opened on the days of *times*; each of shape (k,)."""
        days = np.unique(times // DAY_US).tolist()
        found = [one for day in days for one in self._days.get(day, ())]
        moments = np.array([self._time(one) for one in found], dtype=np.int64)
        return moments, np.array([one.entity for one in found], dtype=np.int64)

    def forget(self, before: int) -> None:
        """Drop the days that ended by *before*, in microseconds."""
        self._days = {day: found for day, found in self._days.items() if day >= before // DAY_US}

    def known(self) -> list[Opening]:
        """All alerts."""
        return [one for found in self._days.values() for one in found]

    def _time(self, opening: Opening) -> int:
        return opening.event_time if self._by_event else opening.counted
