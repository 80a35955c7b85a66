"""Judges scored units as they come: which raise alerts, so that the budget of each day holds.

What it remembers is small: the units that could have alerted, of the latest days, the alerts that
were opened, and the cut of each tick. Whoever keeps that (`judge` gives it back for each step) and
begins again with it goes on as if nothing had happened.

Where the SIEM's rules let hits join alerts, those that join raise an alert as the others do. Where
they cannot, the pacer *holds back*: a hit raises an alert only if it opens one.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoreback.models.detector.day_start import DayStart
from scoreback.models.judging.openings import Opening, Openings
from scoreback.models.judging.pacing import TICK_US, Pace, Tick, Trailing, tick_of
from scoreback.models.judging.past import Past, Units, joined
from scoreback.models.judging.trailing_days import KEPT_DAYS, days_with_units, trailing_of
from scoreback.models.learners.model import Floats
from scoreback.suppression import DAY_US, opened_by
from scoreback.times import HOUR_US

JOINED_DAYS = 35  # of alerts that a late hit can join, where it is held back for them

_LEAST_KEPT = 2_000  # units of a tick; more are kept where the budget is large
_COUNTED_DAYS = 3  # a day of 25 hours, in any zone, and the UTC days that it touches


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the units of one step, in their order."""

    alerts: NDArray[np.bool_]
    thresholds: Floats
    ticks: tuple[Tick, ...]  # that were new
    past: Past
    held_back: int  # over their cut on a day that had opened all it may
    suppressed: NDArray[np.bool_]  # over their cut, and not shown as they join an alert


@dataclass(slots=True, kw_only=True)
class _Shown:
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


class Pacer:
    """One detector's pacing by one model."""

    def __init__(
        self,
        pace: Pace,
        day_start: DayStart,
        born: float,
        *,
        cold_start: Past | None = None,
        past: Sequence[Past] = (),
        opened: Iterable[Opening] = (),
        ticks: Iterable[Tick] = (),
        holding: Holding = Holding(),
    ) -> None:
        """Go on from what is remembered.

        Args:
            pace: what the team can read.
            day_start: when its day begins.
            born: the threshold that the model was given by its training.
            cold_start: what the training scored without having learnt from it: stands in for days
                that are not scored yet.
            past: what the model scored before.
            opened: the alerts of the latest days, by whatever model.
            ticks: cuts that were set already, the latest of each tick last.
            holding: what the SIEM's rules cannot hold back is held back here.
        """
        self._pace, self._start, self._born = pace, day_start, born
        self._cold_start, self._past = cold_start, list(past)
        self._holding = holding
        self._openings = Openings(opened, by_event=holding.joins)
        self._opened = sorted(one.counted for one in self._openings.known())
        self._ticks = {tick.since: tick for tick in ticks}
        self._trailing: tuple[int, Trailing] | None = None

    @property
    def pace(self) -> Pace:
        """What the team can read."""
        return self._pace

    def follow(self, pace: Pace, day_start: DayStart, holding: Holding | None = None) -> None:
        """Judge by *pace* from now on; cuts that were set for another are set anew.

        Args:
            pace: what the team can read.
            day_start: when its day begins.
            holding: what is held back here from now on; None: as before.
        """
        if holding is not None and holding != self._holding:
            self._openings = Openings(self._openings.known(), by_event=holding.joins)
            self._holding = holding
        if (pace, day_start) != (self._pace, self._start):
            self._pace, self._start = pace, day_start
            self._ticks, self._trailing = {}, None

    def judge(self, units: Units) -> Judged:
        """Which of *units* raise an alert; remembers them."""
        count = len(units.times)
        shown = _Shown(
            alerts=np.zeros(count, dtype=bool),
            opens=np.zeros(count, dtype=bool),
            suppressed=np.zeros(count, dtype=bool),
            thresholds=np.full(count, self._born),
        )
        starts: list[int] = []
        if count:
            starts = self._start.between(int(units.times.min()), int(units.times.max()) + 1)
        parts = []
        for today in pairwise(starts):
            rows = np.flatnonzero((units.times >= today[0]) & (units.times < today[1]))
            if len(rows):  # each day is remembered before the next, which goes by it
                part = self._judge_day(units, rows, today, shown)
                self._past.append(part)
                parts.append(part)
        return Judged(
            alerts=shown.alerts,
            thresholds=shown.thresholds,
            ticks=tuple(shown.ticks),
            past=joined(parts),
            held_back=shown.held_back,
            suppressed=shown.suppressed,
        )

    def _judge_day(
        self, units: Units, rows: NDArray[np.int64], today: tuple[int, int], shown: "_Shown"
    ) -> Past:
        ticks = today[0] + (units.times[rows] - today[0]) // TICK_US * TICK_US
        kept = []
        for since in np.unique(ticks).tolist():
            found, new = self._tick(since, today)
            if new:
                shown.ticks.append(found)
            here = rows[ticks == since]
            shown.thresholds[here] = found.cut.score
            hits = here[found.cut.passes(units.scores[here], units.draws[here])]
            hits = hits[np.argsort(units.times[hits], kind="stable")]
            opening = self._show(units, hits, today, shown)
            kept.append(np.union1d(self._worth_keeping(units.scores, here), opening))
        chosen = np.concatenate(kept)
        return Past(
            units=units.take(chosen),
            opened=shown.opens[chosen],
            hours=_by_hour(units.times[rows]),
            suppressed=_by_hour(units.times[rows[shown.suppressed[rows]]]),
        )

    def _tick(self, since: int, today: tuple[int, int]) -> tuple[Tick, bool]:
        if since in self._ticks:
            return self._ticks[since], False
        opened = self._opened_within(*today)
        tick = tick_of(
            self._pace, self._days_before(today[0]), self._born,
            day=today[0], since=since, opened=opened,
        )  # fmt: skip
        self._ticks[since] = tick
        return tick, True

    def _show(
        self,
        units: Units,
        hits: NDArray[np.int64],
        today: tuple[int, int],
        shown: _Shown,
    ) -> NDArray[np.int64]:
        """Tell *shown* what becomes of *hits*, by time; those that open an alert.

        Each hit is taken after those before it, whatever step they were in. What a full day keeps
        from opening is not remembered: no later hit joins it.
        """
        if not len(hits):
            return hits
        if self._holding.all:
            shown.suppressed[hits] = True
            return hits[:0]
        times = (units.event_times if self._holding.joins else units.times)[hits]
        moments, entities = self._openings.beside(times)
        already = len(moments)
        openers = opened_by(
            np.concatenate([moments, times]),
            np.concatenate([entities, units.entities[hits]]),
            self._pace.rule,
            already=already,
        )[already:]
        opening = openers == np.arange(already, already + len(hits))
        room = max(self._pace.ceiling - self._opened_within(*today), 0)
        beyond = np.flatnonzero(opening)[room:] + already
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

    def _opened_within(self, since: int, until: int) -> int:
        return bisect_left(self._opened, until) - bisect_left(self._opened, since)

    def _worth_keeping(self, scores: Floats, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of *rows* that may set a threshold later: the best of a tick, where it has many."""
        able = rows[scores[rows] >= self._pace.floor]
        most = max(_LEAST_KEPT, int(2 * self._pace.budget))
        return able if len(able) <= most else able[np.lexsort((able, -scores[able]))[:most]]

    def _days_before(self, day: int) -> Trailing:
        """The latest whole days before *day* on which anything was scored."""
        if self._trailing is None or self._trailing[0] != day:
            self._trailing = day, trailing_of(self._past, self._cold_start, self._start, day)
            self._forget(day)
        return self._trailing[1]

    def _forget(self, day: int) -> None:
        """Let go of what no day from *day* on looks back to: a catch-up may take years of them."""
        known = days_with_units(self._past, self._start, day)[-KEPT_DAYS:]
        if known:
            first = known[0][0]
            self._past = [one for one in self._past if not one.hours or max(one.hours) >= first]
        counted = day - _COUNTED_DAYS * DAY_US
        self._opened = self._opened[bisect_left(self._opened, counted) :]
        self._openings.forget(day - JOINED_DAYS * DAY_US if self._holding.joins else counted)


def _by_hour(times: NDArray[np.int64]) -> dict[int, int]:
    """How many of *times* lie in each hour, by when it begins."""
    hours, counts = np.unique(times // HOUR_US * HOUR_US, return_counts=True)
    return dict(zip(hours.tolist(), counts.tolist(), strict=True))
