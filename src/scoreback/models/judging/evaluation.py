"""How good a detector is at the number of alerts a day that a team can read.

Precision at budget = true alerts / alerts shown, after cap, throttle and grouping, among the best
units of each judged block: as many as open the budget of its days (`best_units`). So every
candidate is judged at the same number of alerts. An alert is true if the event that opened it is a
positive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.equal_volume import Shown, best_units, volume
from scoreback.models.judging.intervals import days_to_come, drawn_interval
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
    recall_low: float | None  # of days to come, as that of the precision
    recall_high: float | None
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
    truth = np.concatenate([p.shown.truth for p in parts])
    alerts, true_alerts = len(truth), int((truth == 1).sum())
    labelled = int(((verdicts != NO_VERDICT) & (truth != UNKNOWN)).sum())
    benign = int((verdicts == BENIGN_POSITIVE).sum())
    certain = int((verdicts == TRUE_POSITIVE).sum())
    low, high, width = _interval([p.shown for p in parts], replays, seed)
    recall_low, recall_high, _ = _interval([p.positives for p in parts], replays, seed)
    a_day = [np.bincount(p.shown.days) for p in parts if len(p.shown.days)]
    hits = np.concatenate([p.positives.truth for p in parts])
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
        positives=len(hits),
        recall=_ratio(int(hits.sum()), len(hits)),
        recall_low=recall_low,
        recall_high=recall_high,
        incidents=sum(p.incidents for p in parts),
        incidents_found=len(waits),
        median_hours_to_alert=float(np.median(waits)) / 3.6e9 if waits else None,
    )


_JUDGED = (TRUE_POSITIVE, BENIGN_POSITIVE, FALSE_POSITIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Units of one replay, and which of them count for a share."""

    days: NDArray[np.int64]  # of each unit, counted from the first judged day
    entities: NDArray[np.int64]
    truth: NDArray[np.int8]  # 1: it counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alerts:
    """The alerts of one replay."""

    shown: _Share  # alerts; the true ones count
    positives: _Share  # positive units; those that are part of an alert count
    verdicts: NDArray[np.int8]  # of alerts
    incidents: int
    waits: tuple[int, ...]  # microseconds until its first alert, for each incident found

    @classmethod
    def of(cls, replay: Replay, shown: Shown) -> "_Alerts":
        units, opened = replay.after, shown.opened
        incidents, waits = incidents_of(replay, opened)
        first = int(units.times[0] // DAY_US) if len(units.times) else 0

        def share(rows: NDArray[np.int64], truth: NDArray[Any]) -> _Share:
            return _Share(
                days=days_of(units.times[rows]) - first,
                entities=units.entities[rows],
                truth=truth[rows].astype(np.int8),
            )

        return cls(
            shown=share(opened, replay.truth),
            positives=share(np.flatnonzero(replay.truth == 1), shown.hits),
            verdicts=replay.verdicts[opened],
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
    parts: Sequence[_Share], replays: Sequence[Replay], seed: int
) -> tuple[float | None, float | None, float | None]:
    truth = np.concatenate([p.truth for p in parts]) == 1
    offsets = np.cumsum([0, *(int(np.ceil(r.after.days)) + 1 for r in replays)])
    days = np.concatenate([p.days + o for p, o in zip(parts, offsets[:-1], strict=True)])
    entities = np.concatenate([p.entities for p in parts])
    drawn = drawn_interval(truth, days, entities, seed)
    width = None if drawn is None else drawn[1] - drawn[0]
    judged = sum(replay.after.days for replay in replays)
    return *days_to_come(truth, drawn, judged), width


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
