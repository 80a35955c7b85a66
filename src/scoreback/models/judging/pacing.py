"""The threshold in force: paced within the day so that a budget of alerts holds every day.

A threshold fixed at training is off by a factor of two within days. So at each tick of a day (an
hour) it is set anew, from what the days before opened in the rest of their day and from what today
has opened already:

1. *left* is the budget less what today has opened.
2. The threshold is the lowest at which the rest of the trailing days would have opened at most
   *left* alerts a day.
3. Where less than half an alert is left, it is the one at which the trailing days would have opened
   an eighth of the budget a day: the worst of a day is never silenced. An hour in which the budget
   is spent is judged by this from then on.

Whatever it is, no day opens more than `ceiling` alerts, and none opens one below the floor. What is
the worst of a day is not known of a model that scores its first day: that opens no more than the
budget.
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
BUDGET_SPENT = "budget spent"  # why a tick's cut shows only the worst of the rest of a day
TIES = "ties"  # salt of the draws that tell units of equal scores apart
_SPENT = 0.5  # alerts; with fewer left a day's budget counts as spent
_HITS = 1.5  # for each alert; a guess that costs steps where it is wrong, and changes nothing
_WORST = 0.125  # of the budget a day, when it is spent


@dataclass(frozen=True, slots=True)
class Cut:
    """Where alerts begin. Of units with exactly *score*, those whose draw is below *share*.

    So a budget holds where many units share the highest score. With a share of 1 it is a threshold.
    """

    score: float
    share: float = 1.0

    def passes(self, scores: Floats, draws: Floats) -> NDArray[np.bool_]:
        """Which units raise an alert or join one."""
        ties = (scores == self.score) & (draws < self.share)
        return np.asarray((scores > self.score) | ties)

    def at_least(self, floor: float) -> "Cut":
        """This cut, or *floor* where that is higher."""
        return self if self.score >= floor else Cut(floor)

    def stricter(self, other: "Cut") -> "Cut":
        """Whichever of the two lets fewer units pass."""
        return max(self, other, key=lambda cut: (cut.score, -cut.share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What could have alerted on one whole day, in order of event time.

    *draws* are even numbers in [0, 1), each of its unit for ever.
    """

    since: int  # microseconds
    until: int
    times: NDArray[np.int64]
    entities: NDArray[np.int64]  # codes, the same on all days; -1 where the entity is absent
    scores: Floats
    draws: Floats


class Trailing:
    """Whole days before, to set thresholds by: by far most of the cost, made once a day."""

    def __init__(
        self, days: Sequence[Day], *, own: bool = True, stretch: float | None = None
    ) -> None:
        """Take *days*, in any order; or, of a *stretch* shorter than a day, the parts of days.

        Args:
            days: whole ones.
            own: whether the model itself has scored anything before today; its training did not.
            stretch: in days.
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
        self._hits = _HITS  # for each alert, when a cut was asked for last
        self._last: tuple[tuple[float, int, Suppression], Cut] | None = None

    def cut(self, left: float, offset: int, rule: Suppression) -> Cut:
        """The lowest cut at which the days from *offset* on open at most *left* alerts a day.

        Args:
            left: alerts.
            offset: microseconds from where a day begins.
            rule: cap and throttle.
        """
        if self._last is not None and self._last[0] == (left, offset, rule):
            return self._last[1]  # a day that has spent its budget asks the same until its end
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

        # Each opens one alert at most. The cut of a tick is near that of the tick before it.
        least = min(int(allowed), len(rest))
        taken = _most(fits, least, len(rest), guess=round(self._hits * least))
        if least:
            self._hits = taken / least
        return self._after(rest, taken)

    def _after(self, rest: NDArray[np.int64], taken: int) -> Cut:
        """The cut that the best *taken* units of *rest* pass, and no other of them."""
        if taken == len(rest):
            return Cut(0.0)
        first_out = rest[taken]
        score = float(self._scores[first_out])
        if taken and self._scores[rest[taken - 1]] > score:
            return Cut(float(self._scores[rest[taken - 1]]))
        return Cut(score, float(self._draws[first_out]))


def _most(fits: Callable[[int], bool], least: int, count: int, *, guess: int) -> int:
    """The largest number up to *count* that fits, found in few steps where *guess* is near it.

    Whatever the guess, it is the same: *least* fits, and below one that fits every one does.
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
        if fit > least and over <= count:  # known from both sides
            near = (fit + over) // 2
    return fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a team can read, as it is in force."""

    budget: float  # alerts a day
    burst: float  # share of the budget that a day may open beyond it
    floor: float  # score; nothing below it alerts
    rule: Suppression
    spared: Spared | None = None  # of the budget, for what only a shadow would show

    def of_day(self, day: int) -> "Pace":
        """What is left of it on the day that begins then, in microseconds."""
        if self.spared is None:
            return self
        left = max(self.budget - self.spared.on(day), 0.0)
        return replace(self, budget=left, spared=None)

    @property
    def ceiling(self) -> int:
        """How many alerts a day opens at most."""
        most = math.floor(round(self.budget * (1 + self.burst), 9))
        return max(most, self.whole_budget)

    @property
    def whole_budget(self) -> int:
        """How many alerts a day opens at most where nobody can tell which are worth a burst."""
        return math.ceil(self.budget)

    def until_spent(self, opened: int) -> int:
        """After how many more alerts the budget of a day that has *opened* so many is spent."""
        left = self.budget - opened - _SPENT
        return 0 if left < 0 else math.floor(left) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The cut of one tick, and why it is that."""

    since: int  # microseconds
    cut: Cut
    left: float  # of the budget, when the tick began
    reason: str

    @property
    def spent(self) -> bool:
        """Whether nothing was left of the budget."""
        return self.left < _SPENT


def tick_of(
    pace: Pace, trailing: Trailing, born: float, *, day: int, since: int, opened: int
) -> Tick:
    """The cut from *since* on.

    Args:
        pace: budget, floor and what is held back.
        trailing: whole days before; none yet, and *born* is the threshold.
        born: the threshold that the model was given by its training.
        day: where the day begins, microseconds.
        since: where the tick begins.
        opened: alerts of the day until now.
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
    """What follows *tick* where the budget is spent before it ends: only the worst is shown.

    Args:
        tick: what was in force.
        pace: budget, floor and what is held back.
        trailing: whole days before.
        since: when the budget was spent.
        opened: alerts of the day until then.
    """
    cut = tick.cut.stricter(_worst(pace, trailing))
    return Tick(since=since, cut=cut, left=pace.budget - opened, reason=BUDGET_SPENT)


def _worst(pace: Pace, trailing: Trailing) -> Cut:
    return trailing.cut(pace.budget * _WORST, 0, pace.rule)
