"""When `train.when` would have triggered a training in a replay, asked as `serve` asks it.

`scoreback.service.monitoring.retraining` decides here too, but on other figures: rows that the
replay scored, alerts that it opened and, as the verdict of an alert, the label that its opening
unit had by then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.artifact.folder import Artifact
from scoreback.models.learners.model import Floats
from scoreback.records import TimeWindow, Verdict
from scoreback.service.app import App
from scoreback.service.backtesting.alert_verdicts import AlertVerdicts
from scoreback.service.backtesting.days import fire_times
from scoreback.service.backtesting.material import Material
from scoreback.service.monitoring.drift import moved
from scoreback.service.monitoring.outcomes import WINDOW, precision_of, promised
from scoreback.service.monitoring.retraining import Due, free_from, new_verdicts, reasons_of
from scoreback.service.scoring.at_home import LOOK_BACK, counted, home_among
from scoreback.service.state.scored_counts import ScoredHour, summed
from scoreback.times import HOUR_US, MICROSECOND, micros, moment

_KEPT = max(LOOK_BACK) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """An alert of the replay, with what precision needs."""

    version: str
    event_time: datetime
    verdict: Verdict | None


class Triggers:
    """Asks in one replay whether a training is due; like `serve`, it waits after any training."""

    def __init__(self, app: App, material: Material, verdicts: AlertVerdicts | None) -> None:
        """Ask for the detector of *material*; *verdicts* are needed where precision can trigger."""
        if material.detector.train.when is None:
            raise ValueError("the detector names nothing that a training is triggered by")
        self._app, self._detector = app, material.detector
        self._when = material.detector.train.when
        self._told, self._verdicts = material.labels.told(), verdicts

    def follow(self, artifact: Artifact) -> None:
        """Ask about the version of *artifact* from now on."""
        self._artifact = artifact
        self._hours = dict[datetime, ScoredHour]()
        self._opened = [pa.array([], pa.string())]
        self._opened_at = list[int]()

    def looks(self, last: datetime, until: datetime) -> Iterator[datetime]:
        """When to ask after the *last* training and before *until*: as `schedule.monitor` says.

        Times before the next training may be triggered are left out.
        """
        self._last = last
        after = free_from(self._when, last) - MICROSECOND
        times = fire_times(str(self._detector.schedule.monitor), after)
        return takewhile(lambda due: due < until, times)

    def scored(self, rows: pa.Table, scores: Floats, opened: NDArray[np.bool_]) -> None:
        """Take *rows* with the *scores* that the version gave them, and which *opened* alerts."""
        times = flat(rows["event_time"]).cast(pa.int64()).to_numpy()
        self._opened.append(flat(rows["event_id"]).filter(pa.array(opened)))
        self._opened_at += times[opened].tolist()
        if self._when.drift is None or self._artifact.reference is None:
            return
        of_hour = times // HOUR_US
        for hour in np.unique(of_hour).tolist():
            here = np.flatnonzero(of_hour == hour)
            found = counted(
                self._artifact.reference, rows.take(pa.array(here)), scores[here],
                self._artifact.artifact_hash, entity=self._detector.entity,
            )  # fmt: skip
            self._add(found)

    def due(self, at: datetime) -> str:
        """Why a training is due at the time *at*, in words; empty where none is."""
        reasons = reasons_of(
            self._when,
            self._drift() if self._when.drift is not None else {},
            {} if self._verdicts is None else self._precision(at, self._verdicts),
            0 if self._when.verdicts is None else new_verdicts(
                self._app, self._detector, self._told, now=at, last=self._last
            ),
        )  # fmt: skip
        return Due(reasons=tuple(reasons)).because

    def _add(self, found: ScoredHour) -> None:
        before = self._hours.get(found.hour)
        if before is not None:
            found = ScoredHour(
                version=found.version,
                hour=found.hour,
                newest_event=max(before.newest_event, found.newest_event),
                counts=summed([before.counts, found.counts]),
            )
        self._hours[found.hour] = found
        oldest = max(self._hours) - _KEPT
        self._hours = {hour: one for hour, one in self._hours.items() if hour >= oldest}

    def _drift(self) -> dict[str, float]:
        reference = self._artifact.reference
        if reference is None or not self._hours:
            return {}
        newest = max(one.newest_event for one in self._hours.values())
        home = home_among(self._between, reference, newest)
        return {} if home is None else moved(home)

    def _between(self, window: TimeWindow) -> Sequence[ScoredHour]:
        return [
            one for hour, one in sorted(self._hours.items()) if window.since <= hour < window.until
        ]

    def _precision(self, at: datetime, verdicts: AlertVerdicts) -> dict[str, float]:
        times = np.array(self._opened_at, dtype=np.int64)
        lately = np.flatnonzero(times >= micros(at - WINDOW))
        units = pa.concat_arrays(self._opened).take(pa.array(lately))
        version = self._artifact.artifact_hash
        alerts = [
            _Shown(version=version, event_time=moment(time), verdict=verdict)
            for time, verdict in zip(times[lately].tolist(), verdicts.at(units, at), strict=True)
        ]
        figures = self._artifact.manifest.metrics
        return {**promised(figures), **precision_of(self._detector, alerts, version, at)}
