"""The threshold in force: paced within the day so that an alert budget holds every day.

The alerts of a threshold fixed at training are off by a factor of two within days. So each tick of
a day (an hour) recomputes it, from the alerts that earlier days would open in the rest of the day
and from those that today has already opened:

1. *left* is the budget minus the alerts that today has opened.
2. The threshold is the lowest at which the rest of the trailing days would have opened at most
   *left* alerts a day.
3. If less than half an alert is left, it is the one at which the trailing days would have opened
   an eighth of the budget a day, so that the most suspicious units of a day always alert. In the
   hour in which the budget is spent, this holds from that moment on.

In any case no day opens more than `ceiling` alerts, and none below the floor. A model that scores
its first day cannot know which units are the most suspicious of a day, so it opens no more alerts
than the budget.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.explore_sample import Spared
from scoreback.models.judging.threshold import openings
from scoreback.models.learners.model import Floats
from scoreback.suppression import DAY_US, Suppression

TRAILING_DAYS = 7
TICK_US = 3_600_000_000
BUDGET_SPENT = "budget spent"  # why a tick's cut passes only the most suspicious units
TIES = "ties"  # salt of the draws that order units of equal scores
_SPENT = 0.5  # alerts; with fewer left, a day's budget counts as spent
_HITS = 1.5  # per alert; a first guess that affects only the number of search steps
_WORST = 0.125  # share of the budget a day for the most suspicious units once it is spent


@dataclass(frozen=True, slots=True)
class Cut:
    """Where alerts begin. Of the units with exactly *score*, only those with a draw below *share*.

    So a budget holds even if many units share the highest score. A share of 1 is a plain threshold.
    """

    score: float
    share: float = 1.0

    def passes(self, scores: Floats, draws: Floats) -> NDArray[np.bool_]:
        """Which units raise an alert or join one."""
        ties = (scores == self.score) & (draws < self.share)
        return np.asarray((scores > self.score) | ties)

    def at_least(self, floor: float) -> "Cut":
        """This cut, or *floor* if that is higher."""
        return self if self.score >= floor else Cut(floor)

    def stricter(self, other: "Cut") -> "Cut":
        """The one of the two cuts that passes fewer units."""
        return max(self, other, key=lambda cut: (cut.score, -cut.share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The units of one whole day that could have alerted, in order of event time.

    *draws* are uniform numbers in [0, 1), fixed for each unit.
    """

    since: int  # microseconds
    until: int
    times: NDArray[np.int64]
    entities: NDArray[np.int64]  # codes, the same on all days; -1 if there is no entity
    scores: Floats
    draws: Floats


class Trailing:
    """Earlier whole days that thresholds are set by; built once a day, as that costs most."""

    def __init__(
        self, days: Sequence[Day], *, own: bool = True, stretch: float | None = None
    ) -> None:
        """Take *days*, in any order, or the parts of days that make up a *stretch*.

        Args:
            days: whole days, unless there is a *stretch*.
            own: whether the model itself scored at least half a day before today, live.
            stretch: the length, in days, of a stretch shorter than a whole day.
        """
        self.days = float(len(days)) if stretch is None else stretch
        self.own = own and bool(days)
        self._stretch = stretch
        times = entities = offsets = np.zeros(0, dtype=np.int64)
        scores = draws = np.zeros(0)
        if days:
            times = np.concatenate([day.times for day in days])
            entities = np.concatenate([day.entities for day in days])
            scores = np.concatenate([day.scores for day in days])
            draws = np.concatenate([day.draws for day in days])
            offsets = np.concatenate([day.times - day.since for day in days])
        best = np.lexsort((draws, -scores))
        self._times, self._entities, self._offsets = times[best], entities[best], offsets[best]
        self._scores, self._draws = scores[best], draws[best]
        self._hits = _HITS  # per alert, at the latest cut
        self._last: tuple[tuple[float, int, Suppression], Cut] | None = None

    def cut(self, left: float, offset: int, rule: Suppression) -> Cut:
        """The lowest cut at which the days from *offset* on open at most *left* alerts a day.

        Args:
            left: alerts.
            offset: microseconds from the start of a day.
            rule: cap and throttle.
        """
        if self._last is not None and self._last[0] == (left, offset, rule):
            return self._last[1]  # once its budget is spent, a day repeats the same call
        found = self._cut(left, offset, rule)
        self._last = (left, offset, rule), found
        return found

    def _cut(self, left: float, offset: int, rule: Suppression) -> Cut:
        allowed = left * self.days
        if self._stretch is None:
            rest = np.flatnonzero(self._offsets >= offset)
        else:
            rest = np.arange(len(self._offsets))
            allowed *= DAY_US / max(DAY_US - offset, TICK_US)
        if not len(rest):
            return Cut(0.0)
        times, entities = self._times[rest], self._entities[rest]

        def fits(taken: int) -> bool:
            order = np.argsort(times[:taken], kind="stable")
            opened = openings(times[:taken][order], entities[:taken][order], rule)
            return len(opened) <= allowed

        # Each unit opens at most one alert. A tick's cut is close to that of the tick before.
        least = min(int(allowed), len(rest))
        taken = _most(fits, least, len(rest), guess=round(self._hits * least))
        if least:
            self._hits = taken / least
        return self._after(rest, taken)

    def _after(self, rest: NDArray[np.int64], taken: int) -> Cut:
        """The cut that exactly the best *taken* units of *rest* pass."""
        if taken == len(rest):
            return Cut(0.0)
        first_out = rest[taken]
        score = float(self._scores[first_out])
        if taken and self._scores[rest[taken - 1]] > score:
            return Cut(float(self._scores[rest[taken - 1]]))
        return Cut(score, float(self._draws[first_out]))


def _most(fits: Callable[[int], bool], least: int, count: int, *, guess: int) -> int:
    """The largest number up to *count* that fits, found in few steps if *guess* is close.

    The guess does not change the result: *least* fits, and so does every number below one that
    fits.
    """
    fit, over = least, count + 1
    step, near = max(guess // 32, 1), guess
    while over - fit > 1:
        near = min(max(near, fit + 1), over - 1)
        if fits(near):
            fit, near = near, near + step
        else:
            over, near = near, near - step
        step *= 2
        if fit > least and over <= count:  # bounded on both sides
            near = (fit + over) // 2
    return fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a team can read: the settings in force."""

    budget: float  # alerts a day
    burst: float  # share of the budget that a day may open beyond it
    floor: float  # score; nothing below it alerts
    rule: Suppression
    spared: Spared | None = None  # part of the budget for units that only a shadow alerts on

    def of_day(self, day: int) -> "Pace":
        """The pace on the day that begins at *day*, in microseconds, less what is spared."""
        if self.spared is None:
            return self
        left = max(self.budget - self.spared.on(day), 0.0)
        return replace(self, budget=left, spared=None)

    @property
    def ceiling(self) -> int:
        """The most alerts that a day opens."""
        most = math.floor(round(self.budget * (1 + self.burst), 9))
        return max(most, self.whole_budget)

    @property
    def whole_budget(self) -> int:
        """The most alerts that a day opens while the model cannot tell which deserve a burst."""
        return math.ceil(self.budget)

    def until_spent(self, opened: int) -> int:
        """The number of further alerts that spend the budget of a day with *opened* alerts."""
        left = self.budget - opened - _SPENT
        return 0 if left < 0 else math.floor(left) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The cut of one tick, and the reason for it."""

    since: int  # microseconds
    cut: Cut
    left: float  # of the budget, when the tick began
    reason: str

    @property
    def spent(self) -> bool:
        """Whether the budget was already spent."""
        return self.left < _SPENT


def tick_of(
    pace: Pace, trailing: Trailing, born: float, *, day: int, since: int, opened: int
) -> Tick:
    """The cut from *since* on.

    Args:
        pace: budget, floor, cap and throttle.
        trailing: earlier whole days; if there are none, *born* is the threshold.
        born: the threshold from the model's training.
        day: the start of the day, microseconds.
        since: the start of the tick, microseconds.
        opened: alerts that the day has opened so far.
    """
    left = pace.budget - opened
    if not trailing.days:
        cut, reason = Cut(born), "as trained"
    elif left < _SPENT:
        cut, reason = _worst(pace, trailing), BUDGET_SPENT
    else:
        cut = trailing.cut(left, since - day, pace.rule)
        reason = "paced"
    if cut.score < pace.floor:
        reason = "floor"
    return Tick(since=since, cut=cut.at_least(pace.floor), left=left, reason=reason)


def spent_within(tick: Tick, pace: Pace, trailing: Trailing, *, since: int, opened: int) -> Tick:
    """The tick for the rest of *tick* once the budget is spent: only the most suspicious alert.

    Args:
        tick: the tick in force until then.
        pace: budget, floor, cap and throttle.
        trailing: earlier whole days.
        since: when the budget was spent, microseconds.
        opened: alerts that the day had opened by then.
    """
    cut = tick.cut.stricter(_worst(pace, trailing))
    return Tick(since=since, cut=cut, left=pace.budget - opened, reason=BUDGET_SPENT)


def _worst(pace: Pace, trailing: Trailing) -> Cut:
    return trailing.cut(pace.budget * _WORST, 0, pace.rule)
