"""Compares two rankings of the same units, each showing its best, equally many alerts a day.

Alerts that both show cancel in the difference. Alerts that only one side shows count by their
labels: the unlabelled ones are assumed to be true as often as the labelled ones of that side alone.

People see nearly all alerts of the champion, but only a random sample of those that only a shadow
would show. A label that was given with chance q stands for 1/q alerts (Hájek's ratio of
Horvitz-Thompson sums), so that a side's precision is the one that labels on all its alerts would
give, even if q differs from day to day. If q is constant, this equals the plain share.

The interval is the wider of two: a bootstrap over days and entities, in which each label keeps its
weight, and one by the effective number of labels that each side has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.equal_volume import best_units, volume
from scoreback.models.judging.intervals import CONFIDENCE, times_drawn
from scoreback.models.judging.threshold import ScoredUnits, days_of
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.model import Floats
from scoreback.suppression import DAY_US, Suppression

_RESAMPLES = 500
_ONE_DAY = timedelta(days=1)
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of the two rankings would have shown."""

    alerts: int
    labelled: int
    true_alerts: int
    precision: float | None  # estimated; None without any label
    floor: float | None  # precision with unlabelled alerts counted as false


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One side compared with the other, on the same units and days."""

    days: int  # with units
    both: int  # alerts that both show
    verdicts: int  # labelled alerts of either
    alone: int  # labelled alerts that only our side shows
    ours: Side
    theirs: Side
    difference: float | None  # our precision minus theirs; None without any label
    low: float | None  # of the difference, at `CONFIDENCE`
    high: float | None


def shown_daily(
    times: NDArray[np.int64],
    entities: NDArray[np.int64],
    scores: Mapping[str, Floats],
    budget: float,
    rule: Suppression,
    seed: int,
) -> dict[str, _Mask]:
    """The units for which each side would open an alert, equally many a day for all sides.

    Args:
        times: event times, ascending, microseconds; shape (units,).
        entities: codes, -1 where absent; same shape.
        scores: each side's scores, higher first; minus infinity is never shown; same shape.
        budget: alerts a day.
        rule: cap and throttle.
        seed: of the draws between equal scores.
    """
    found = {name: np.zeros(len(times), dtype=bool) for name in scores}
    days = days_of(times)
    most = volume(budget, 1)
    for day in np.unique(days).tolist():
        low, high = np.searchsorted(times, (day * DAY_US, (day + 1) * DAY_US))
        opened = {}
        taken = most
        for _ in range(2):  # repeat if a side can show only fewer
            for name, own in scores.items():
                units = ScoredUnits(
                    times=times[low:high], entities=entities[low:high], scores=own[low:high],
                    span=_ONE_DAY,
                )  # fmt: skip
                opened[name] = best_units(units, taken, rule, seed=seed + day).opened
            fewest = min(len(one) for one in opened.values())
            if all(len(one) == fewest for one in opened.values()) or not fewest:
                break
            taken = fewest
        for name, rows in opened.items():
            if fewest:
                found[name][low + rows] = True
    return found


def paired(
    days: NDArray[np.int64],
    entities: NDArray[np.int64],
    truth: NDArray[np.int8],
    ours: _Mask,
    theirs: _Mask,
    seed: int,
    chances: Floats | None = None,
) -> Paired:
    """Compare *ours* with *theirs*.

    Args:
        days: each unit's day; shape (units,).
        entities: codes, -1 where absent; same shape.
        truth: 1, 0 or unknown; same shape.
        ours: which units one side shows; same shape.
        theirs: which units the other side shows; same shape.
        seed: of the resamples.
        chances: the chance that people saw a unit, in (0, 1]; None: all 1; shape (units,).
    """
    either = ours | theirs
    day, entity, said = days[either], entities[either], truth[either]
    mine, other = ours[either], theirs[either]
    strata = np.select([mine & other, mine], [_BOTH, _OURS], _THEIRS)
    known = said != UNKNOWN
    stands_for = np.ones(len(said)) if chances is None else 1 / chances[either]
    counted = _Counts.of(strata, known, said == 1, np.ones(len(said)), stands_for)
    difference = counted.difference()
    low = high = difference
    if difference is not None:
        draw = np.random.default_rng(seed)
        absent = entity < 0
        whose = np.where(absent, -1 - np.arange(len(entity)), entity)
        groups = [np.unique(one, return_inverse=True)[1] for one in (day, whose)]
        again = []
        for _ in range(_RESAMPLES):
            weight = (times_drawn(draw, groups[0]) * times_drawn(draw, groups[1])).astype(
                np.float64
            )
            one = _Counts.of(strata, known, said == 1, weight, stands_for).difference()
            if one is not None:
                again.append(one)
        tail = (1 - CONFIDENCE) / 2
        half = counted.half_width()
        found = np.array(again or [difference])
        low = max(min(float(np.quantile(found, tail)), difference - half), -1.0)
        high = min(max(float(np.quantile(found, 1 - tail)), difference + half), 1.0)
    return Paired(
        days=len(np.unique(days)),
        both=int((mine & other).sum()),
        verdicts=int(known.sum()),
        alone=int((known & (strata == _OURS)).sum()),
        ours=_side(mine, known, said, counted.precision(_OURS)),
        theirs=_side(other, known, said, counted.precision(_THEIRS)),
        difference=difference,
        low=low,
        high=high,
    )


_BOTH, _OURS, _THEIRS = range(3)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counts of alerts that both sides, only ours, or only theirs show; arrays of shape (3,)."""

    shown: Floats
    known: Floats  # labelled alerts, each times the alerts that it stands for
    true: Floats  # true ones, weighted likewise
    effective: Floats  # effective number of labels: as many of equal weight would tell as much

    @classmethod
    def of(
        cls,
        strata: NDArray[np.int64],
        known: _Mask,
        true: _Mask,
        drawn: Floats,
        stands_for: Floats,
    ) -> "_Counts":
        weight = drawn * stands_for
        whole, squares = (_sums(strata[known], one[known]) for one in (weight, weight * stands_for))
        return cls(
            _sums(strata, drawn),
            whole,
            _sums(strata[known & true], weight[known & true]),
            np.divide(whole**2, squares, out=np.zeros(3), where=squares > 0),
        )

    def rates(self) -> Floats | None:
        """The share of true alerts in each part; without labels, that of all parts together."""
        total = self.known.sum()
        if not total:
            return None
        pooled = self.true.sum() / total
        return np.asarray(np.where(self.known > 0, self.true / np.maximum(self.known, 1), pooled))

    def precision(self, side: int) -> float | None:
        rates, parts = self.rates(), [_BOTH, side]
        shown = self.shown[parts].sum()
        if rates is None or not shown:
            return None
        return float((self.shown[parts] * rates[parts]).sum() / shown)

    def difference(self) -> float | None:
        ours, theirs = self.precision(_OURS), self.precision(_THEIRS)
        return None if ours is None or theirs is None else ours - theirs

    def half_width(self) -> float:
        """Half an interval that allows for few labels on alerts that only one side shows."""
        variance = 0.0
        for side in (_OURS, _THEIRS):
            shown = self.shown[[_BOTH, side]].sum()
            if shown:
                labels = self.effective[side]
                true = labels * self.true[side] / max(self.known[side], 1.0)
                rate = (true + 1) / (labels + 2)
                share = self.shown[side] / shown
                variance += share**2 * rate * (1 - rate) / (labels + 1)
        return float(NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * variance**0.5)


def _sums(strata: NDArray[np.int64], weight: Floats) -> Floats:
    return np.bincount(strata, weights=weight, minlength=3).astype(np.float64)


def _side(shown: _Mask, known: _Mask, said: NDArray[np.int8], precision: float | None) -> Side:
    alerts, true = int(shown.sum()), int((shown & (said == 1)).sum())
    return Side(
        alerts=alerts,
        labelled=int((shown & known).sum()),
        true_alerts=true,
        precision=precision,
        floor=true / alerts if alerts else None,
    )
