"""How good a detector is at the number of alerts a day that a team can read.

Precision at budget = true alerts / alerts shown, after cap, throttle and grouping, among the best
units of each judged block: as many as open the budget of its days (`best_units`). So every
candidate is judged at the same number of alerts. An alert is true if the event that opened it is a
positive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.equal_volume import Shown, best_units, volume
from scoreback.models.judging.threshold import ScoredUnits, days_of
from scoreback.models.labels.truths import (
    BENIGN_POSITIVE,
    FALSE_POSITIVE,
    NO_VERDICT,
    TRUE_POSITIVE,
    UNKNOWN,
)
from scoreback.models.learners.model import Floats
from scoreback.models.learners.ranking import mean_average_precision
from scoreback.suppression import DAY_US, Suppression

TABLE = (5.0, 10.0, 20.0, 50.0)  # alerts a day, beside the detector's own budget
INCIDENT_GAP_US = DAY_US  # positives of one entity with smaller gaps are one incident
CONFIDENCE = 0.9  # of the intervals
DAYS_TO_COME = 7.0  # the most days that a forecast covers: a team looks back on a week
_RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One model's scores on the days after those that it learnt from."""

    after: ScoredUnits
    truth: NDArray[np.int8]
    verdicts: NDArray[np.int8]

    def labelled(self) -> tuple[NDArray[np.int8], Floats]:
        """Truth and scores of the judged units that have a label."""
        known = self.truth != UNKNOWN
        return self.truth[known], self.after.scores[known]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBudget:
    """What a team would have seen at one budget. None where the divisor would be 0."""

    budget: float
    days: float
    days_over_budget: int
    busiest_day: int  # alerts
    alerts: int
    alerts_per_day: float
    true_alerts: int
    precision: float | None  # with unlabelled alerts counted as false: a lower bound
    precision_low: float | None  # for days to come, at `CONFIDENCE`; see `days_to_come`
    precision_high: float | None
    drawn_width: float | None  # of the bootstrap interval alone; 0 if all draws agree
    precision_labelled: float | None  # among labelled alerts only
    coverage: float | None  # share of alerts with a label
    precision_benign_true: float | None  # benign-positives counted as true
    precision_benign_false: float | None  # benign-positives counted as false
    positives: int
    recall: float | None  # share of positive events that are part of an alert
    incidents: int
    incidents_found: int  # incidents with a positive event that opened an alert
    median_hours_to_alert: float | None  # from an incident's first event to its first alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures of one judged candidate."""

    algorithm: str
    at_budget: AtBudget
    table: tuple[AtBudget, ...]
    average_precision: float | None

    @property
    def true_alerts_within_budget(self) -> int:
        """The figure that candidates are compared by; all have the same number of alerts."""
        return self.at_budget.true_alerts


def evaluate(
    algorithm: str,
    replays: Sequence[Replay],
    *,
    budget: float,
    rule: Suppression,
    seed: int,
    table: Sequence[float] = (),
) -> Evaluation:
    """Judge one candidate over all *replays*."""
    at = {b: at_budget(replays, b, rule, seed) for b in {budget, *table}}
    return Evaluation(
        algorithm=algorithm,
        at_budget=at[budget],
        table=tuple(at[b] for b in table),
        average_precision=mean_average_precision(r.labelled() for r in replays),
    )


def at_budget(replays: Sequence[Replay], budget: float, rule: Suppression, seed: int) -> AtBudget:
    """Count what *replays* would have shown at *budget* alerts a day."""
    parts = [
        _Alerts.of(r, best_units(r.after, volume(budget, r.after.days), rule, seed=seed))
        for r in replays
    ]
    days = sum(r.after.days for r in replays)
    verdicts = np.concatenate([p.verdicts for p in parts])
    truth = np.concatenate([p.truth for p in parts])
    alerts, true_alerts = len(truth), int((truth == 1).sum())
    labelled = int(((verdicts != NO_VERDICT) & (truth != UNKNOWN)).sum())
    benign = int((verdicts == BENIGN_POSITIVE).sum())
    certain = int((verdicts == TRUE_POSITIVE).sum())
    low, high, width = _interval(parts, replays, seed)
    a_day = [np.bincount(p.days) for p in parts if len(p.days)]
    positives = sum(int((r.truth == 1).sum()) for r in replays)
    waits = [wait for part in parts for wait in part.waits]
    return AtBudget(
        budget=budget,
        days=days,
        days_over_budget=sum(int((counts > budget).sum()) for counts in a_day),
        busiest_day=max((int(counts.max()) for counts in a_day), default=0),
        alerts=alerts,
        alerts_per_day=alerts / days,
        true_alerts=true_alerts,
        precision=_ratio(true_alerts, alerts),
        precision_low=low,
        precision_high=high,
        drawn_width=width,
        precision_labelled=_ratio(int(((truth == 1) & (verdicts != NO_VERDICT)).sum()), labelled),
        coverage=_ratio(int(np.isin(verdicts, _JUDGED).sum()), alerts),
        precision_benign_true=_ratio(certain + benign, alerts),
        precision_benign_false=_ratio(certain, alerts),
        positives=positives,
        recall=_ratio(sum(p.positives_hit for p in parts), positives),
        incidents=sum(p.incidents for p in parts),
        incidents_found=len(waits),
        median_hours_to_alert=float(np.median(waits)) / 3.6e9 if waits else None,
    )


_JUDGED = (TRUE_POSITIVE, BENIGN_POSITIVE, FALSE_POSITIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alerts:
    """The alerts of one replay."""

    days: NDArray[np.int64]  # each alert's day, counted from the first judged day
    entities: NDArray[np.int64]
    truth: NDArray[np.int8]
    verdicts: NDArray[np.int8]
    positives_hit: int
    incidents: int
    waits: tuple[int, ...]  # microseconds until its first alert, for each incident found

    @classmethod
    def of(cls, replay: Replay, shown: Shown) -> "_Alerts":
        units, opened = replay.after, shown.opened
        incidents, waits = incidents_of(replay, opened)
        first = int(units.times[0] // DAY_US) if len(units.times) else 0
        return cls(
            days=days_of(units.times[opened]) - first,
            entities=units.entities[opened],
            truth=replay.truth[opened],
            verdicts=replay.verdicts[opened],
            positives_hit=int((shown.hits & (replay.truth == 1)).sum()),
            incidents=incidents,
            waits=waits,
        )


def incidents_of(replay: Replay, opened: NDArray[np.int64]) -> tuple[int, tuple[int, ...]]:
    """The number of incidents, and the time to the first alert of each found one, in microseconds.

    Args:
        replay: the judged units.
        opened: positions of the units that opened an alert.
    """
    positive = np.flatnonzero(replay.truth == 1)
    if not len(positive):
        return 0, ()
    times, entities = replay.after.times[positive], replay.after.entities[positive]
    order = np.lexsort((times, entities))
    times, entities = times[order], entities[order]
    new = np.ones(len(order), dtype=bool)
    same = (entities[1:] == entities[:-1]) & (entities[1:] >= 0)  # absent entities never join
    new[1:] = ~same | (times[1:] - times[:-1] >= INCIDENT_GAP_US)
    incident = np.cumsum(new) - 1
    begun = times[new]
    raised = np.isin(positive[order], opened)
    first = np.full(len(begun), np.iinfo(np.int64).max)
    np.minimum.at(first, incident[raised], times[raised])
    found = np.unique(incident[raised])
    return len(begun), tuple(int(wait) for wait in (first - begun)[found])


def _interval(
    parts: Sequence[_Alerts], replays: Sequence[Replay], seed: int
) -> tuple[float | None, float | None, float | None]:
    truth = np.concatenate([p.truth for p in parts]) == 1
    offsets = np.cumsum([0, *(int(np.ceil(r.after.days)) + 1 for r in replays)])
    days = np.concatenate([p.days + o for p, o in zip(parts, offsets[:-1], strict=True)])
    entities = np.concatenate([p.entities for p in parts])
    drawn = drawn_interval(truth, days, entities, seed)
    width = None if drawn is None else drawn[1] - drawn[0]
    judged = sum(replay.after.days for replay in replays)
    return *days_to_come(truth, drawn, judged), width


def days_to_come(
    truth: NDArray[np.bool_], drawn: tuple[float, float] | None, days: float
) -> tuple[float | None, float | None]:
    """The interval for the precision on as many days to come as were judged, at most a week.

    The days to come vary as the judged ones do. So the variance of the mean over the judged days is
    added to that of the mean over the days to come, which is larger if these are fewer. An interval
    for the judged mean alone would contain the precision of as many days only three times in four.

    Args:
        truth: whether each alert is true.
        drawn: the interval of their precision by `drawn_interval`.
        days: the number of days that the alerts come from.
    """
    variance = 1 + max(days / DAYS_TO_COME, 1.0)  # as a multiple of the judged mean's
    if drawn is not None:
        middle, factor = float(truth.mean()), variance**0.5
        drawn = (middle - factor * (middle - drawn[0]), middle + factor * (drawn[1] - middle))
        drawn = (max(drawn[0], 0.0), min(drawn[1], 1.0))
    return _wider(float(truth.sum()) / variance, len(truth) / variance, drawn)


def precision_interval(
    truth: NDArray[np.bool_], drawn: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """The interval for the true precision of the alerts; None without alerts."""
    return _wider(float(truth.sum()), float(len(truth)), drawn)


def _wider(
    true: float, shown: float, drawn: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """The union of two intervals, *drawn* and Wilson's.

    A bootstrap over few days is blind to what those days did not show. Wilson's interval takes
    alerts as independent, although those of one day or entity are not.
    """
    if not shown:
        return None, None
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    middle = (true + z * z / 2) / (shown + z * z)
    half = z / (shown + z * z) * (true * (shown - true) / shown + z * z / 4) ** 0.5
    low, high = drawn or (true / shown, true / shown)
    return (
        min(max(middle - half, 0.0), true / shown, low),
        max(min(middle + half, 1.0), true / shown, high),
    )


def drawn_interval(
    truth: NDArray[np.bool_], days: NDArray[np.int64], entities: NDArray[np.int64], seed: int
) -> tuple[float, float] | None:
    """Bootstrap interval of alerts' precision that resamples days and entities with their alerts.

    Args:
        truth: whether each alert is true.
        days: each alert's day, under any numbering.
        entities: each alert's entity, -1 if it has none.
        seed: of the draws.
    """
    if not len(truth):
        return None
    absent = entities < 0  # each is an entity of its own
    entities = np.where(absent, -1 - np.arange(len(entities)), entities)
    day, entity = (np.unique(v, return_inverse=True)[1] for v in (days, entities))
    draw = np.random.default_rng(seed)
    ratios = []
    for _ in range(_RESAMPLES):
        weight = times_drawn(draw, day) * times_drawn(draw, entity)
        if total := weight.sum():
            ratios.append(float(weight[truth].sum() / total))
    if not ratios:
        return None
    tail = (1 - CONFIDENCE) / 2
    return float(np.quantile(ratios, tail)), float(np.quantile(ratios, 1 - tail))


def times_drawn(draw: np.random.Generator, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each row's group is drawn if as many groups are drawn with replacement."""
    count = int(groups.max()) + 1
    times = np.bincount(draw.integers(0, count, count), minlength=count)
    return np.asarray(times[groups], dtype=np.int64)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
