"""Judges scored units as they come: which raise alerts, so that the budget of each day holds.

What it remembers is small: the units that could have alerted, of the latest days, the alerts that
were opened, and the cut of each tick. Whoever keeps that (`judge` gives it back for each step) and
begins again with it goes on as if nothing had happened.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoreback.models.detector.day_start import DayStart
from scoreback.models.judging.pacing import TICK_US, Pace, Tick, Trailing, tick_of
from scoreback.models.judging.past import Past, Units, joined
from scoreback.models.judging.trailing_days import KEPT_DAYS, days_with_units, trailing_of
from scoreback.models.learners.model import Floats
from scoreback.suppression import DAY_US, opened_by
from scoreback.times import HOUR_US

_LEAST_KEPT = 2_000  # units of a tick; more are kept where the budget is large


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the units of one step, in their order."""

    alerts: NDArray[np.bool_]
    thresholds: Floats
    ticks: tuple[Tick, ...]  # that were new
    past: Past
    held_back: int  # over their cut on a day that had opened all it may


@dataclass(slots=True, kw_only=True)
class _Shown:
    """What is being found out of the units of one step."""

    alerts: NDArray[np.bool_]
    opens: NDArray[np.bool_]
    thresholds: Floats
    ticks: list[Tick] = field(default_factory=list)
    held_back: int = 0


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
        opened: Iterable[tuple[int, int]] = (),
        ticks: Iterable[Tick] = (),
    ) -> None:
        """Go on from what is remembered.

        Args:
            pace: what the team can read.
            day_start: when its day begins.
            born: the threshold that the model was given by its training.
            cold_start: what the training scored without having learnt from it: stands in for days
                that are not scored yet.
            past: what the model scored before.
            opened: (time, entity code) of the alerts of the latest days, by whatever model.
            ticks: cuts that were set already, the latest of each tick last.
        """
        self._pace, self._start, self._born = pace, day_start, born
        self._cold_start, self._past = cold_start, list(past)
        self._opened = sorted(opened)
        self._ticks = {tick.since: tick for tick in ticks}
        self._trailing: tuple[int, Trailing] | None = None

    @property
    def pace(self) -> Pace:
        """What the team can read."""
        return self._pace

    def follow(self, pace: Pace, day_start: DayStart) -> None:
        """Judge by *pace* from now on; cuts that were set for another are set anew."""
        if (pace, day_start) != (self._pace, self._start):
            self._pace, self._start = pace, day_start
            self._ticks, self._trailing = {}, None

    def judge(self, units: Units) -> Judged:
        """Which of *units* raise an alert; remembers them."""
        count = len(units.times)
        shown = _Shown(
            alerts=np.zeros(count, dtype=bool),
            opens=np.zeros(count, dtype=bool),
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
            alerting, opening = self._show(units, hits, today)
            shown.held_back += len(hits) - len(alerting)
            shown.alerts[alerting], shown.opens[opening] = True, True
            kept.append(np.union1d(self._worth_keeping(units.scores, here), opening))
        hours, counts = np.unique(units.times[rows] // HOUR_US * HOUR_US, return_counts=True)
        chosen = np.concatenate(kept)
        return Past(
            units=units.take(chosen),
            opened=shown.opens[chosen],
            hours=dict(zip(hours.tolist(), counts.tolist(), strict=True)),
        )

    def _tick(self, since: int, today: tuple[int, int]) -> tuple[Tick, bool]:
        if since in self._ticks:
            return self._ticks[since], False
        opened = len(self._opened_within(*today))
        tick = tick_of(
            self._pace, self._days_before(today[0]), self._born,
            day=today[0], since=since, opened=opened,
        )  # fmt: skip
        self._ticks[since] = tick
        return tick, True

    def _show(
        self, units: Units, hits: NDArray[np.int64], today: tuple[int, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Those of *hits*, by time, that are shown, and those that open an alert."""
        if not len(hits):
            return hits, hits
        first = int(units.times[hits[0]]) // DAY_US * DAY_US
        after = (int(units.times[hits[-1]]) // DAY_US + 1) * DAY_US
        before = self._opened_within(first, after)
        already = len(before)
        known = np.array(before, dtype=np.int64).reshape(-1, 2)
        openers = opened_by(
            np.concatenate([known[:, 0], units.times[hits]]),
            np.concatenate([known[:, 1], units.entities[hits]]),
            self._pace.rule,
            already=already,
        )[already:]
        opening = openers == np.arange(already, already + len(hits))
        room = max(self._pace.ceiling - len(self._opened_within(*today)), 0)
        beyond = np.flatnonzero(opening)[room:] + already
        shown = ~np.isin(openers, beyond)
        opened = hits[opening & shown]
        pairs = zip(units.times[opened].tolist(), units.entities[opened].tolist(), strict=True)
        self._opened = sorted([*self._opened, *pairs])
        return hits[shown], opened

    def _opened_within(self, since: int, until: int) -> list[tuple[int, int]]:
        return [one for one in self._opened if since <= one[0] < until]

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
        self._opened = [one for one in self._opened if one[0] >= day - 3 * DAY_US]
