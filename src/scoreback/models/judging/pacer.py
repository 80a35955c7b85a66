"""Decides as scored units arrive which of them raise alerts, so that each day's budget holds.

It remembers little: the units of the latest days that could have alerted, the opened alerts, and
the cut of each tick. A caller that stores these (`judge` returns them for each step) can restart
with them, and the pacer continues as if nothing had happened.

If the SIEM's rules let hits join alerts, hits that join are passed on like the others. If they
cannot, the pacer *holds back*: a hit raises an alert only if it opens one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoreback.models.detector.day_start import DayStart
from scoreback.models.judging.judged import HOLDS_NOTHING, Holding, Judged, Shown, UsualDay
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacing import (
    TICK_US,
    Pace,
    Tick,
    Trailing,
    spent_within,
    tick_of,
)
from scoreback.models.judging.past import Past, Units, joined
from scoreback.models.judging.showing import Showing
from scoreback.models.judging.trailing_days import (
    KEPT_DAYS,
    days_with_units,
    trailing_of,
    units_a_day,
)
from scoreback.models.learners.model import Floats
from scoreback.times import HOUR_US

_LEAST_KEPT = 2_000  # units of a tick; more are kept if the budget is large


class Pacer:
    """Paces one detector's alerts by the scores of one model."""

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
        holding: Holding = HOLDS_NOTHING,
    ) -> None:
        """Continue from a remembered state.

        Args:
            pace: what the team can read.
            day_start: when the team's day begins.
            born: the threshold from the model's training.
            cold_start: training-time scores of units not learnt from; they replace days that the
                model has not scored yet.
            past: what the model scored before.
            opened: the alerts of the latest days, of any model.
            ticks: cuts already set, the latest of each tick last.
            holding: the hits to hold back here because the SIEM's rules cannot.
        """
        self._pace, self._start, self._born = pace, day_start, born
        self._cold_start, self._past = cold_start, list(past)
        self._showing = Showing(opened, holding)
        self._ticks = {tick.since: tick for tick in ticks}
        self._trailing: tuple[int, Trailing] | None = None
        self._usual = UsualDay(since=0, until=0, units=0.0)  # the latest one computed

    @property
    def pace(self) -> Pace:
        """What the team can read."""
        return self._pace

    def follow(self, pace: Pace, day_start: DayStart, holding: Holding | None = None) -> None:
        """Judge by *pace* from now on; cuts set for another pace are recomputed.

        Args:
            pace: what the team can read.
            day_start: when the team's day begins.
            holding: the hits to hold back from now on; None: as before.
        """
        if holding is not None:
            self._showing.follow(holding)
        if (pace, day_start) != (self._pace, self._start):
            self._pace, self._start = pace, day_start
            self._ticks, self._trailing = {}, None

    def judge(self, units: Units) -> Judged:
        """Decide which of *units* raise an alert, and remember them."""
        count = len(units.times)
        shown = Shown(
            alerts=np.zeros(count, dtype=bool),
            opens=np.zeros(count, dtype=bool),
            suppressed=np.zeros(count, dtype=bool),
            thresholds=np.full(count, self._born),
        )
        starts: list[int] = []
        if count:
            starts = self._start.between(int(units.times.min()), int(units.times.max()) + 1)
        parts, days = list[Past](), list[UsualDay]()
        for today in pairwise(starts):
            rows = np.flatnonzero((units.times >= today[0]) & (units.times < today[1]))
            if len(rows):  # remember each day before the next, which depends on it
                days.append(self._usual_day(*today))
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
            days=tuple(days),
            opens=shown.opens,
        )

    def _judge_day(
        self, units: Units, rows: NDArray[np.int64], today: tuple[int, int], shown: Shown
    ) -> Past:
        rows = rows[np.argsort(units.times[rows], kind="stable")]
        ticks = today[0] + (units.times[rows] - today[0]) // TICK_US * TICK_US
        kept = []
        for since in np.unique(ticks).tolist():
            here = rows[ticks == since]
            opening = self._judge_tick(units, here, since, today, shown)
            kept.append(np.union1d(self._worth_keeping(units.scores, here), opening))
        chosen = np.concatenate(kept)
        return Past(
            units=units.take(chosen),
            opened=shown.opens[chosen],
            hours=_by_hour(units.times[rows]),
            suppressed=_by_hour(units.times[rows[shown.suppressed[rows]]]),
        )

    def _judge_tick(
        self,
        units: Units,
        here: NDArray[np.int64],
        since: int,
        today: tuple[int, int],
        shown: Shown,
    ) -> NDArray[np.int64]:
        """Judge the units *here*, in order of time; return those that open an alert.

        If one of them spends the budget, the units after it are judged more strictly.
        """
        tick = self._tick(since, today, shown)
        hits = self._hits(units, here, tick, shown)
        pace = self._pace.of_day(today[0])
        rule, room = pace.rule, self._room(today)
        if tick.spent:
            return self._showing.show(units, hits, shown, rule=rule, room=room)
        least = pace.until_spent(self._showing.opened_within(*today))
        opened = self._showing.show(units, hits, shown, rule=rule, room=room, most=least)
        if least > len(opened):
            return opened
        after = here
        if len(opened):
            after = here[np.flatnonzero(here == opened[-1])[0] + 1 :]
        strict = self._spent_tick(tick, units.times[opened], today, shown)
        hits, room = self._hits(units, after, strict, shown), self._room(today)
        more = self._showing.show(units, hits, shown, rule=rule, room=room)
        return np.concatenate([opened, more])

    def _hits(
        self, units: Units, rows: NDArray[np.int64], tick: Tick, shown: Shown
    ) -> NDArray[np.int64]:
        """The *rows* that pass the cut of *tick*; its score becomes the threshold of all *rows*."""
        shown.thresholds[rows] = tick.cut.score
        return rows[tick.cut.passes(units.scores[rows], units.draws[rows])]

    def _tick(self, since: int, today: tuple[int, int], shown: Shown) -> Tick:
        if since not in self._ticks:
            self._ticks[since] = tick_of(
                self._pace.of_day(today[0]), self._days_before(today[0]), self._born,
                day=today[0], since=since, opened=self._showing.opened_within(*today),
            )  # fmt: skip
            shown.ticks.append(self._ticks[since])
        return self._ticks[since]

    def _spent_tick(
        self, tick: Tick, opened: NDArray[np.int64], today: tuple[int, int], shown: Shown
    ) -> Tick:
        """The stricter tick for the rest of *tick* after the last *opened* spent the budget."""
        last = tick.since + TICK_US - 1
        known = [self._ticks[one] for one in self._ticks if tick.since < one <= last]
        if known:  # an earlier step has set it
            return known[-1]
        strict = spent_within(
            tick, self._pace.of_day(today[0]), self._days_before(today[0]),
            since=min(int(opened[-1]) + 1, last) if len(opened) else tick.since + 1,
            opened=self._showing.opened_within(*today),
        )  # fmt: skip
        self._ticks[strict.since] = strict
        shown.ticks.append(strict)
        return strict

    def _room(self, today: tuple[int, int]) -> int:
        """How many more alerts *today* may open."""
        own = self._days_before(today[0]).own
        pace = self._pace.of_day(today[0])
        most = pace.ceiling if own else pace.whole_budget
        return max(most - self._showing.opened_within(*today), 0)

    def _worth_keeping(self, scores: Floats, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The *rows* that may set a threshold later: only the best, if the tick has many."""
        able = rows[scores[rows] >= self._pace.floor]
        most = max(_LEAST_KEPT, int(2 * self._pace.budget))
        return able if len(able) <= most else able[np.lexsort((able, -scores[able]))[:most]]

    def _days_before(self, day: int) -> Trailing:
        """The latest whole days before *day* on which anything was scored."""
        if self._trailing is None or self._trailing[0] != day:
            self._trailing = day, trailing_of(self._past, self._cold_start, self._start, day)
            self._forget(day)
        return self._trailing[1]

    def _usual_day(self, since: int, until: int) -> UsualDay:
        if (since, until) != (self._usual.since, self._usual.until):
            units = units_a_day(self._past, self._cold_start, self._start, since)
            self._usual = UsualDay(since=since, until=until, units=units)
        return self._usual

    def _forget(self, day: int) -> None:
        """Drop what no day from *day* on looks back to: a catch-up may cover years."""
        known = days_with_units(self._past, self._start, day)[-KEPT_DAYS:]
        if known:
            first = known[0][0]
            self._past = [one for one in self._past if not one.hours or max(one.hours) >= first]
        self._showing.forget(day)


def _by_hour(times: NDArray[np.int64]) -> dict[int, int]:
    """The number of *times* in each hour, keyed by the hour's start."""
    hours, counts = np.unique(times // HOUR_US * HOUR_US, return_counts=True)
    return dict(zip(hours.tolist(), counts.tolist(), strict=True))
