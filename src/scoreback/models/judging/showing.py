"""Decides which hits of a day open an alert, which join one, and which are held back."""

from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.judged import Holding, Shown
from scoreback.models.judging.openings import Opening, Openings
from scoreback.models.judging.past import Units
from scoreback.suppression import DAY_US, Suppression, opened_by

JOINED_DAYS = 35  # age of alerts that a late hit can join, if joining hits are held back

_COUNTED_DAYS = 3  # covers a day of 25 hours, in any zone, and the UTC days that it touches


class Showing:
    """The recent alerts of one detector, and how new hits add to them."""

    def __init__(self, opened: Iterable[Opening], holding: Holding) -> None:
        """Begin with the alerts of the latest days, by any model."""
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
        """Decide on *hits*, record the result in *shown*, and return those that open an alert.

        Each hit follows all earlier ones, in this step or before. An alert that a full day could
        not open is not remembered, so no later hit joins it.

        Args:
            units: the units that are judged.
            hits: units over their cut, of one day, in order of time.
            shown: receives the results.
            rule: cap and throttle.
            room: how many alerts the day may still open.
            most: stop after the hit that opens this many alerts; the caller handles the rest.
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
        """Drop alerts that hits from *day* on, in microseconds, can neither join nor count with."""
        counted = day - _COUNTED_DAYS * DAY_US
        self._opened = self._opened[bisect_left(self._opened, counted) :]
        self._openings.forget(day - JOINED_DAYS * DAY_US if self._holding.joins else counted)

    def _openers(
        self, units: Units, hits: NDArray[np.int64], rule: Suppression
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Index of the hit that opens each hit's alert (negative: opened before); which hits open.

        Both have shape (hits,).
        """
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
