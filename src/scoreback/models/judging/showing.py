"""What becomes of the hits of a day: which open an alert, which join one, and what is held back."""

from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.judged import Holding, Shown
from scoreback.models.judging.openings import Opening, Openings
from scoreback.models.judging.past import Units
from scoreback.suppression import DAY_US, Suppression, opened_by

JOINED_DAYS = 35  # of alerts that a late hit can join, where it is held back for them

_COUNTED_DAYS = 3  # a day of 25 hours, in any zone, and the UTC days that it touches


class Showing:
    """The alerts that one detector opened lately, and what hits do to them."""

    def __init__(self, opened: Iterable[Opening], holding: Holding) -> None:
        """Begin with the alerts of the latest days, by whatever model."""
        self._holding = holding
        self._openings = Openings(opened, by_event=holding.joins)
        self._opened = sorted(one.counted for one in self._openings.known())

    def follow(self, holding: Holding) -> None:
        """Hold back what *holding* says from now on."""
        if holding != self._holding:
            self._openings = Openings(self._openings.known(), by_event=holding.joins)
            self._holding = holding

    def opened_within(self, since: int, until: int) -> int:
        """How many alerts count towards the budget of ``[since, until)``, in microseconds."""
        return bisect_left(self._opened, until) - bisect_left(self._opened, since)

    def show(
        self,
        units: Units,
        hits: NDArray[np.int64],
        shown: Shown,
        *,
        rule: Suppression,
        room: int,
        most: int | None = None,
    ) -> NDArray[np.int64]:
        """Tell *shown* what becomes of *hits*, by time; those that open an alert.

        Each hit is taken after those before it, whatever step they were in. What a full day keeps
        from opening is not remembered: no later hit joins it.

        Args:
            units: what is judged.
            hits: those over their cut, of one day, by time.
            shown: is told.
            rule: cap and throttle.
            room: how many alerts the day may still open.
            most: hits after the one that opens the alert of this number are left to the caller.
        """
        if most == 0 or not len(hits):
            return hits[:0]
        if self._holding.all:
            shown.suppressed[hits] = True
            return hits[:0]
        openers, opening = self._openers(units, hits, rule)
        if most is not None and opening.sum() >= most:
            end = np.flatnonzero(opening)[most - 1] + 1
            hits, openers, opening = hits[:end], openers[:end], opening[:end]
        beyond = np.flatnonzero(opening)[room:]
        full = np.isin(openers, beyond)
        shown.held_back += int(full.sum())
        opened: NDArray[np.int64] = hits[opening & ~full]
        shown.opens[opened] = True
        joining = hits[~opening & ~full]
        shown.alerts[opened] = True
        (shown.suppressed if self._holding.joins else shown.alerts)[joining] = True
        for row in opened.tolist():
            one = Opening(
                counted=int(units.times[row]),
                event_time=int(units.event_times[row]),
                entity=int(units.entities[row]),
            )
            self._openings.add(one)
            insort(self._opened, one.counted)
        return opened

    def forget(self, day: int) -> None:
        """Let go of what no hit from *day* on, in microseconds, joins or counts with."""
        counted = day - _COUNTED_DAYS * DAY_US
        self._opened = self._opened[bisect_left(self._opened, counted) :]
        self._openings.forget(day - JOINED_DAYS * DAY_US if self._holding.joins else counted)

    def _openers(
        self, units: Units, hits: NDArray[np.int64], rule: Suppression
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Which of *hits* opens the alert of each, negative for one of before; and which open."""
        times = (units.event_times if self._holding.joins else units.times)[hits]
        moments, entities = self._openings.beside(times)
        already = len(moments)
        openers = opened_by(
            np.concatenate([moments, times]),
            np.concatenate([entities, units.entities[hits]]),
            rule,
            already=already,
        )[already:]
        openers = openers - already
        return openers, openers == np.arange(len(hits))
