"""Turns an alert budget into a threshold; also the risk map, and the floor for stored scores."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoreback.models.detector.spec import Detector
from scoreback.models.learners.model import Floats, log_odds_of
from scoreback.suppression import DAY_US, Suppression
from scoreback.times import span

RISK_AT_THRESHOLD = 47.0
RISK_AT_HIGH = 73.0
RISK_AT_TOP = 99.0
_FARTHEST = 40.0  # log-odds; a float64 score cannot tell more from 1
_APART_FROM_MEDIUM = 2.3  # log-odds from medium down to low risk: about a tenth of the odds
_LEAST, _MOST = 1e-3, 0.999  # bounds for the precision that medium risk stands for


def suppression_of(detector: Detector) -> Suppression:
    """The cap and throttle that *detector* sets."""
    return Suppression(
        per_entity=int(detector.alerts.per_entity), throttle=detector.alerts.throttle
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredUnits:
    """Scored units in order of event time, and the span of time that they come from."""

    times: NDArray[np.int64]
    entities: NDArray[np.int64]
    scores: Floats
    span: timedelta

    @property
    def days(self) -> float:
        """Length of the span in days, including quiet ones; at least one."""
        return max(self.span / timedelta(days=1), 1.0)

    def alerts(self, threshold: float, rule: Suppression) -> NDArray[np.int64]:
        """Positions of the units that open an alert at *threshold*."""
        hits = np.flatnonzero(self.scores >= threshold)
        return np.asarray(hits[openings(self.times[hits], self.entities[hits], rule)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A threshold, and the alerts that it would have raised on the days it was fitted on."""

    value: float
    alerts_per_day: float
    next_lower: float | None  # the next score below; None if every unit may alert
    silent: bool  # the highest score is shared by more units than the budget takes


def openings(
    times: NDArray[np.int64], entities: NDArray[np.int64], rule: Suppression
) -> NDArray[np.int64]:
    """Positions of the hits that open an alert: those for which `opened_by` names the hit itself.

    Applies the same rule to many hits at once: from each entity's first hit of a day, jump to the
    first hit past the throttle, as often as the cap allows. A search for a threshold calls this
    dozens of times, and a loop over single hits would take most of a training's time.
    """
    order = np.lexsort((times, entities))
    order = order[np.searchsorted(entities[order], 0) :]  # absent entities sort first
    moment, day = times[order] % DAY_US, times[order] // DAY_US
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(entities[order]) != 0) | (np.diff(day) != 0)
    group = np.cumsum(new) - 1
    line = group * DAY_US + moment  # one ascending line of all groups, each a day long
    throttle = min(span(rule.throttle), DAY_US)
    opens = np.zeros(len(order), dtype=bool)
    current = np.flatnonzero(new)
    for _ in range(rule.per_entity):
        opens[current] = True
        following = np.maximum(np.searchsorted(line, line[current] + throttle), current + 1)
        inside = following < len(order)
        current, following = current[inside], following[inside]
        current = following[group[following] == group[current]]
        if not len(current):
            break
    return np.sort(np.concatenate((np.flatnonzero(entities < 0), order[opens])))


def fit_threshold(
    units: ScoredUnits, budget: float, rule: Suppression, floor: float = -math.inf
) -> Threshold:
    """The lowest score at which *units* would have opened at most *budget* alerts a day.

    It is never below *floor*. Fewer hits never open more alerts (openings are a minimum cover of
    the hits by throttle-long intervals, capped), so bisection over the distinct scores finds it. If
    even the highest score is too frequent, the threshold lies just above it.
    """
    distinct = np.unique(units.scores[units.scores >= floor])[::-1]
    if not len(distinct):
        value = floor if len(units.scores) else 1.0
        silent = not len(units.scores)
        return Threshold(value=value, alerts_per_day=0.0, next_lower=None, silent=silent)

    def rate(taken: int) -> float:
        return len(units.alerts(float(distinct[taken - 1]), rule)) / units.days

    fits, over = 0, 1  # how many of the highest distinct scores fit, and how many do not
    while over <= len(distinct) and rate(over) <= budget:
        fits, over = over, over * 2
    over = min(over, len(distinct) + 1)
    while over - fits > 1:
        middle = (fits + over) // 2
        if rate(middle) <= budget:
            fits = middle
        else:
            over = middle
    if not fits:
        return Threshold(
            value=float(np.nextafter(distinct[0], np.inf)),
            alerts_per_day=0.0,
            next_lower=float(distinct[0]),
            silent=True,
        )
    return Threshold(
        value=float(distinct[fits - 1]),
        alerts_per_day=rate(fits),
        next_lower=float(distinct[fits]) if fits < len(distinct) else None,
        silent=False,
    )


@dataclass(frozen=True, slots=True)
class RiskMap:
    """Risk 0 to 100 as a strictly rising function of score: straight lines over log-odds."""

    log_odds: tuple[float, ...]
    risks: tuple[float, ...]

    @classmethod
    def of(cls, least_precision: float) -> Self:
        """The map that turns the probability in a score into a risk.

        A probability of *least_precision*, just worth a look, is medium risk; one in two is high;
        nearly certain is critical. So the risk does not rise because a day is quiet.
        """
        medium = _odds(min(max(least_precision, _LEAST), _MOST))
        high = max(_odds(0.5), medium + 1)
        critical = max(_odds(0.95), high + 1)
        low = medium - _APART_FROM_MEDIUM
        knots = (
            (-_FARTHEST, 0.0), (low, 21.0), (medium, RISK_AT_THRESHOLD), (high, RISK_AT_HIGH),
            (critical, RISK_AT_TOP), (_FARTHEST, 100.0),
        )  # fmt: skip
        return cls(tuple(k[0] for k in knots), tuple(k[1] for k in knots))

    def __call__(self, scores: Floats) -> Floats:
        """The risk of each score."""
        odds = np.clip(log_odds_of(scores), -_FARTHEST, _FARTHEST)
        return np.asarray(np.interp(odds, self.log_odds, self.risks), dtype=np.float64)


def keep_floor(scores: Floats, top: float, threshold: float) -> float:
    """The lowest score to store: keeps the highest share *top*, and every alert.

    A share of 1 keeps everything, even scores lower than any seen so far.
    """
    if top >= 1:
        return 0.0
    if not len(scores):
        return threshold
    return min(float(np.quantile(scores, 1 - top, method="lower")), threshold)


def days_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """UTC days since 1970."""
    return np.asarray(times // DAY_US)


def _odds(score: float) -> float:
    return float(np.clip(log_odds_of(np.array([score]))[0], -_FARTHEST, _FARTHEST))
