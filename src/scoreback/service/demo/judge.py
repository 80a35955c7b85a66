"""Compares the alerts of a period with the truth and with the best possible score."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.judging.threshold import ScoredUnits, fit_threshold
from scoreback.models.learners.ranking import average_precision
from scoreback.suppression import Suppression

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The alerts of one period, judged by the truth that only the simulation knows."""

    days: int
    alerts_per_day: float
    precision: float  # share of alerts that were opened by an event of an attack
    incidents: int
    incidents_found: int
    best_precision: float  # of the best possible score, with as many alerts a day
    best_incidents_found: int
    average_precision: float | None
    best_average_precision: float


@dataclass(frozen=True, slots=True)
class Period:
    """The units of a period, sorted by event time and id, and the truth about all events."""

    days: int
    units: pa.Table  # event_id, event_time, entity, attack, incident, oracle
    truth: pa.Table  # event_id, attack, incident; other days too

    def judge(self, opened: Collection[str], rule: Suppression, scores: Floats) -> Judged:
        """Compare the alerts that the events *opened* started with the truth.

        Args:
            opened: ids of the events that opened the alerts.
            rule: the cap and throttle for the alerts of the best possible score.
            scores: the scores of all units, in their order.
        """
        shown = self.truth.filter(
            pc.is_in(self.truth["event_id"], value_set=pa.array(sorted(opened), pa.string()))
        )
        rate = max(shown.num_rows, 1) / self.days
        oracle = self.units["oracle"].to_numpy()
        best = self.units.take(pa.array(self.opened_by(oracle, rate, rule)))
        attack, found = self.units["attack"].to_numpy(), _incidents(shown)
        return Judged(
            days=self.days,
            alerts_per_day=shown.num_rows / self.days,
            precision=_true_share(shown),
            incidents=len(_incidents(self.units) | found),
            incidents_found=len(found),
            best_precision=_true_share(best),
            best_incidents_found=len(_incidents(best)),
            average_precision=average_precision(attack, scores),
            best_average_precision=average_precision(attack, oracle) or 0.0,
        )

    def judge_at_rate(self, scores: Floats, rate: float, rule: Suppression) -> Judged:
        """Compare the alerts that *scores* would have opened, at *rate* a day, with the truth."""
        ids = self.units["event_id"].take(pa.array(self.opened_by(scores, rate, rule)))
        return self.judge(ids.to_pylist(), rule, scores)

    def opened_by(self, scores: Floats, rate: float, rule: Suppression) -> NDArray[np.intp]:
        """Positions of the units that would have opened alerts by *scores*, at *rate* a day."""
        entities = self.units["entity"].combine_chunks().dictionary_encode().indices
        units = ScoredUnits(
            times=self.units["event_time"].cast(pa.int64()).to_numpy(),
            entities=entities.fill_null(-1).to_numpy().astype(np.int64),
            scores=scores,
            span=timedelta(days=self.days),
        )
        return units.alerts(fit_threshold(units, rate, rule).value, rule)


def _incidents(events: pa.Table) -> set[str]:
    """The names of the attacks that *events* belong to."""
    return set(events.filter(events["attack"])["incident"].drop_null().to_pylist())


def _true_share(alerts: pa.Table) -> float:
    return float(pc.mean(alerts["attack"].cast(pa.float64())).as_py()) if alerts.num_rows else 0.0
