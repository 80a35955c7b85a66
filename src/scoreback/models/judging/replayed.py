"""The alerts that a replay of past days would have shown a team, checked against today's labels.

An alert is true if the unit that opened it is a positive; otherwise it is benign, false or without
a verdict, as its label says. Unlabelled alerts count as false in `precision`, and not at all in
`precision_labelled`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.evaluation import (
    Replay,
    incidents_of,
)
from scoreback.models.judging.intervals import drawn_interval, precision_interval
from scoreback.models.judging.over_time import area_under_time
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.labels.truths import BENIGN_POSITIVE, FALSE_POSITIVE, TRUE_POSITIVE, UNKNOWN

Mask = NDArray[np.bool_]
_WEEK = 7  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The units of some days, the alerts that they raised, and their labels known today."""

    times: NDArray[np.int64]  # microseconds; the times by which the budget counts
    event_times: NDArray[np.int64]
    entities: NDArray[np.int64]  # codes; -1 where absent
    truth: NDArray[np.int8]
    verdicts: NDArray[np.int8]
    opened: Mask  # units that opened an alert
    hits: Mask  # units that opened an alert or joined one

    def take(self, rows: Mask) -> "Replayed":
        """The units selected by *rows*."""
        return Replayed(
            times=self.times[rows],
            event_times=self.event_times[rows],
            entities=self.entities[rows],
            truth=self.truth[rows],
            verdicts=self.verdicts[rows],
            opened=self.opened[rows],
            hits=self.hits[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The number of alerts by verdict."""

    alerts: int
    true: int
    benign: int
    false: int
    unlabelled: int

    @classmethod
    def of(cls, replayed: Replayed) -> "Counts":
        """Count the alerts that *replayed* opened."""
        truth, verdicts = replayed.truth[replayed.opened], replayed.verdicts[replayed.opened]
        benign = verdicts == BENIGN_POSITIVE
        true = (truth == 1) & ~benign
        false = (verdicts == FALSE_POSITIVE) & ~true
        return cls(
            alerts=len(truth),
            true=int(true.sum()),
            benign=int(benign.sum()),
            false=int(false.sum()),
            unlabelled=int((~true & ~benign & ~false).sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a replay. None where the divisor would be 0."""

    days: int
    counts: Counts
    alerts_per_day: float
    days_over_budget: int
    busiest_day: int
    true_alerts: int  # benign positives count as the detector says
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    precision_labelled: float | None
    labelled_share: float | None  # of alerts
    positives: int
    recall: float | None  # share of positives that are part of an alert
    incidents: int
    incidents_found: int
    median_hours_to_alert: float | None
    area_under_time: float | None  # of weekly precision

    @property
    def incidents_share(self) -> float | None:
        """The share of incidents that were found."""
        return self.incidents_found / self.incidents if self.incidents else None


def by_day(replayed: Replayed, starts: Sequence[int]) -> list[Counts]:
    """The alerts of each day; *starts* are the starts of days and the last end, microseconds."""
    day = np.searchsorted(starts, replayed.times, side="right") - 1
    return [Counts.of(replayed.take(day == number)) for number in range(len(starts) - 1)]


def figures(replayed: Replayed, starts: Sequence[int], *, budget: float, seed: int) -> Figures:
    """Compute the figures of *replayed*.

    Args:
        replayed: the units of the replay.
        starts: the starts of days and the end of the last, microseconds.
        budget: alerts a day.
        seed: of the interval's draws.
    """
    inside = (replayed.times >= starts[0]) & (replayed.times < starts[-1])
    replayed = replayed.take(inside)
    day = np.searchsorted(starts, replayed.times, side="right") - 1
    days = len(starts) - 1
    opened = np.flatnonzero(replayed.opened)
    truth, alert_days = replayed.truth[opened] == 1, day[opened]
    a_day = np.bincount(alert_days, minlength=days)
    verdicts = replayed.verdicts[opened]
    labelled = np.isin(verdicts, (TRUE_POSITIVE, BENIGN_POSITIVE, FALSE_POSITIVE))
    labelled &= replayed.truth[opened] != UNKNOWN
    low, high = precision_interval(
        truth, drawn_interval(truth, alert_days, replayed.entities[opened], seed)
    )
    positive = replayed.truth == 1
    incidents, waits = incidents_of(_as_replay(replayed, days), opened)
    weekly = [
        _ratio(int((truth & (alert_days // _WEEK == week)).sum()),
               int((alert_days // _WEEK == week).sum()))
        for week in range(-(-days // _WEEK))
    ]  # fmt: skip
    return Figures(
        days=days,
        counts=Counts.of(replayed),
        alerts_per_day=len(opened) / days,
        days_over_budget=int((a_day > budget).sum()),
        busiest_day=int(a_day.max(initial=0)),
        true_alerts=int(truth.sum()),
        precision=_ratio(int(truth.sum()), len(opened)),
        precision_low=low,
        precision_high=high,
        precision_labelled=_ratio(int((truth & labelled).sum()), int(labelled.sum())),
        labelled_share=_ratio(int(labelled.sum()), len(opened)),
        positives=int(positive.sum()),
        recall=_ratio(int((positive & replayed.hits).sum()), int(positive.sum())),
        incidents=incidents,
        incidents_found=len(waits),
        median_hours_to_alert=float(np.median(waits)) / 3.6e9 if waits else None,
        area_under_time=area_under_time(weekly),
    )


def _as_replay(replayed: Replayed, days: int) -> Replay:
    units = ScoredUnits(
        times=replayed.event_times,
        entities=replayed.entities,
        scores=np.zeros(len(replayed.times)),
        span=timedelta(days=days),
    )
    return Replay(after=units, truth=replayed.truth, verdicts=replayed.verdicts)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
