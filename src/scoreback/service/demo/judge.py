"""What analysts were shown in a period, held against the truth and the best possible score."""

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
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One model over one period, by the truth that only the simulation knows."""

    model: str
    period: str
    days: int
    alerts_per_day: float
    precision: float  # share of alerts whose opening event is part of an attack
    incidents: int
    incidents_found: int
    best_precision: float  # of the best possible score at as many alerts a day
    best_incidents_found: int
    average_precision: float | None
    best_average_precision: float


@dataclass(frozen=True, slots=True)
class Period:
    """The units of some days with their truth, sorted by event time and id."""

    name: str
    days: int
    units: pa.Table  # event_id, event_time, entity, attack, incident, oracle

    def judge(
        self,
        model: str,
        opened: Collection[str],
        rule: Suppression,
        scores: Floats,
    ) -> Judged:
        """Hold the alerts that the events *opened* started against the truth.

        Args:
            model: a name for the table.
            opened: ids of the events that opened the alerts.
            rule: cap and throttle, for the best possible score's alerts.
            scores: of all units, in their order.
        """
        attack = self.units["attack"].to_numpy()
        shown = pc.is_in(
            self.units["event_id"], value_set=pa.array(sorted(opened), pa.string())
        ).to_numpy()
        rate = max(int(shown.sum()), 1) / self.days
        best = self._best(rate, rule)
        return Judged(
            model=model,
            period=self.name,
            days=self.days,
            alerts_per_day=int(shown.sum()) / self.days,
            precision=_share(attack, shown),
            incidents=self._incidents(attack),
            incidents_found=self._incidents(attack & shown),
            best_precision=_share(attack, best),
            best_incidents_found=self._incidents(attack & best),
            average_precision=average_precision(attack, scores),
            best_average_precision=average_precision(attack, self.units["oracle"].to_numpy())
            or 0.0,
        )

    def among(self, event_ids: Collection[str]) -> NDArray[np.intp]:
        """The places of the units that *event_ids* name."""
        named = pa.array(sorted(event_ids), pa.string())
        return np.flatnonzero(pc.is_in(self.units["event_id"], value_set=named).to_numpy())

    def scored(self, scores: Floats) -> ScoredUnits:
        """The units with *scores*, as thresholds are fitted on."""
        entities = self.units["entity"].combine_chunks().dictionary_encode().indices
        return ScoredUnits(
            times=self.units["event_time"].cast(pa.int64()).to_numpy(),
            entities=entities.fill_null(-1).to_numpy().astype(np.int64),
            scores=scores,
            span=timedelta(days=self.days),
        )

    def _best(self, rate: float, rule: Suppression) -> Mask:
        """Which units the best possible score would have opened alerts with, at *rate* a day."""
        units = self.scored(self.units["oracle"].to_numpy())
        threshold = fit_threshold(units, rate, rule).value
        found = np.zeros(self.units.num_rows, dtype=bool)
        found[units.alerts(threshold, rule)] = True
        return found

    def _incidents(self, mask: Mask) -> int:
        named = self.units["incident"].filter(pa.array(mask)).drop_null()
        return len(named.unique())


def _share(attack: Mask, shown: Mask) -> float:
    return float(attack[shown].mean()) if shown.any() else 0.0
