"""Replays one detector from one start day: retrains when it would have, scores and paces alerts."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.errors import TrainingRefused
from scoreback.models.artifact.folder import Artifact
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.judged import Holding
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacer import Pacer
from scoreback.models.judging.past import Units as PacedUnits
from scoreback.models.judging.replayed import Replayed
from scoreback.models.judging.showing import JOINED_DAYS
from scoreback.models.learners.model import Floats
from scoreback.models.training.training import Progress, train
from scoreback.records import TimeWindow
from scoreback.service.app import App
from scoreback.service.backtesting.alert_verdicts import AlertVerdicts
from scoreback.service.backtesting.known import Units
from scoreback.service.backtesting.material import Material, first_event
from scoreback.service.backtesting.triggers import Triggers
from scoreback.service.in_force.operating_point import operating_point
from scoreback.service.labels.quarantine import without_contradictions, without_floods
from scoreback.service.scoring.pacing import paced_units
from scoreback.service.training.golden_gate import golden_rows, refuse_blind
from scoreback.service.training.memory import Room
from scoreback.service.training.train_job import named_rows
from scoreback.suppression import DAY_US
from scoreback.times import micros

JOINS = Holding(joins=True)  # only a hit that opens an alert raises one
FIRST = "the replay began"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The result of one training in a replay."""

    as_of: datetime
    because: str = ""
    algorithm: str = ""
    artifact_hash: str = ""
    threshold: float | None = None  # as trained
    promised: float | None = None  # the precision that training promised
    refused: str = ""  # why training refused; the version before goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The result of a replay from one start day, row by row of the material."""

    start: datetime
    trainings: tuple[Trained, ...]
    scores: Floats  # NaN where no version scored
    version: NDArray[np.int16]  # index into `trainings`; -1 where none scored
    opened: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    def replayed(self, units: Units) -> Replayed:
        """All rows, with what is known about them."""
        return Replayed(
            times=units.seen, event_times=units.event_times, entities=units.entities,
            truth=units.truth, verdicts=units.verdicts, opened=self.opened, hits=self.hits,
        )  # fmt: skip


class Replay:
    """Replays over the same material; trains only once for each moment."""

    def __init__(self, app: App, material: Material, units: Units) -> None:
        """Prepare to replay *material*, with one element of *units* per row."""
        self._app, self._material, self._units = app, material, units
        self._made: dict[datetime, tuple[Trained, Artifact | None]] = {}
        self._verdicts: AlertVerdicts | None = None

    def play(
        self,
        moments: Sequence[datetime],
        until: datetime,
        progress: Callable[[datetime], Progress | None] = lambda _moment: None,
        scheduled: str = "",
    ) -> Played:
        """Train at each of *moments*; score what is ready in between, and from the last to *until*.

        The detector's `train.when` may add trainings in between.

        Args:
            moments: times of the scheduled trainings; the first is the start day.
            until: the end of the last day.
            progress: given the moment of a training, returns what to call with its progress.
            scheduled: why all but the first take place, in words that follow "trained because".
        """
        scoring = _Scoring(self, len(self._units.seen))
        moment, because = moments[0], FIRST
        while moment < until:
            tell = progress(moment)
            trained, artifact = self.train(moment, tell)
            scoring.goes_on_with(replace(trained, because=because), artifact)
            if tell is not None:
                tell(0, 0, "scoring what came then")
            end = min([one for one in moments if one > moment], default=until)
            moment, because = scoring.score(moment, end) or (end, scheduled)
        return scoring.played

    def triggers(self) -> Triggers | None:
        """What triggers trainings beside the schedule; None where the detector names nothing."""
        when = self.detector.train.when
        if when is None:
            return None
        if self._verdicts is None and when.precision_drop is not None:
            self._verdicts = AlertVerdicts(self._app, self._material)
        return Triggers(self._app, self._material, self._verdicts)

    def ready(
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Rows that became ready in ``[since, until)`` step by step, after their row numbers."""
        inside = (self._units.ready >= micros(since)) & (self._units.ready < micros(until))
        if not inside.any():
            return
        begin = 0
        for batch in self._material.batches():
            here = np.flatnonzero(inside[begin : begin + batch.num_rows])
            if len(here):
                yield here + begin, batch.take(pa.array(here))
            begin += batch.num_rows

    def pacer(self, artifact: Artifact, opened: Sequence[Opening]) -> Pacer:
        """A pacer that judges by *artifact* from now on, given the alerts *opened* lately."""
        point = operating_point(self.detector, "", artifact)
        return Pacer(
            point.pace, point.day_starts, point.born, cold_start=artifact.cold_start,
            opened=opened, holding=JOINS,
        )  # fmt: skip

    def paced(self, rows: pa.Table, scores: Floats, artifact: Artifact) -> PacedUnits:
        """*rows* as a pacer takes them."""
        entity = "field:" + self.detector.entity
        floor = self.detector.alerts.least_precision
        return paced_units(rows, scores, entity, lag=artifact.lag, floor=floor)

    @property
    def detector(self) -> Detector:
        """The detector as its file is now."""
        return self._material.detector

    def _labels(self, at: datetime, since: datetime, rows: pa.Table) -> pa.Table:
        """The labels known at *at*, without those in quarantine then."""
        ids = flat(rows["event_id"])  # other rows' own labels need not be searched
        labels = self._material.labels.at(at, since=since, units=ids)
        if self.detector.labels.verdicts is None or self._app.connector.labels is None:
            return labels
        labels, _ = without_floods(self._app, self.detector, labels, at)
        labels, _ = without_contradictions(self._app, self.detector, labels, rows, at)
        return labels

    def train(self, at: datetime, progress: Progress | None) -> tuple[Trained, Artifact | None]:
        """The version that a training as of *at* makes from what was known then."""
        if at not in self._made:
            self._made[at] = self._trained(at, progress)
        return self._made[at]

    def _trained(self, at: datetime, progress: Progress | None) -> tuple[Trained, Artifact | None]:
        detector, settings = self.detector, self._app.settings
        window = TimeWindow(since=first_event(detector, at), until=at)
        rows = self._material.between(at - detector.train.history, at)
        if not rows.num_rows:
            return Trained(as_of=at, refused="there was no event to learn from yet"), None
        room = Room(detector, window, settings.training_memory)
        room.read(rows.num_rows, at)
        room.hold(rows.nbytes)
        until = time.monotonic() + detector.train.search.total_seconds()
        named = named_rows(rows, detector)
        golden = golden_rows(self._app, detector, named, as_of=at)
        try:
            training = train(
                detector,
                named,
                self._labels(at, window.since, named),
                at,
                threads=settings.threads,
                time_is_up=lambda: time.monotonic() > until,
                progress=progress,
            )
            refuse_blind(detector, training.artifact, golden)
        except TrainingRefused as refusal:
            return Trained(as_of=at, refused=refusal.message), None
        artifact = training.artifact
        manifest = artifact.manifest
        return (
            Trained(
                as_of=at,
                algorithm=training.chosen,
                artifact_hash=artifact.artifact_hash,
                threshold=manifest.threshold,
                promised=manifest.metrics.get("precision"),
            ),
            artifact,
        )


class _Scoring:
    """Scores the rows of one replay with the version in force and collects the results."""

    def __init__(self, replay: Replay, count: int) -> None:
        self._replay, self._triggers = replay, replay.triggers()
        self._trainings = list[Trained]()
        self._artifact: Artifact | None = None
        self._place = -1  # index of its training
        self._openings = list[Opening]()
        self._scores, self._version = np.full(count, np.nan), np.full(count, -1, dtype=np.int16)
        self._opened, self._hits = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)

    @property
    def played(self) -> Played:
        """The results of all rows."""
        return Played(
            start=self._trainings[0].as_of, trainings=tuple(self._trainings), scores=self._scores,
            version=self._version, opened=self._opened, hits=self._hits,
        )  # fmt: skip

    def goes_on_with(self, trained: Trained, artifact: Artifact | None) -> None:
        """Score with *artifact* from now on, or go on as before where training kept nothing new."""
        before = "" if self._artifact is None else self._artifact.artifact_hash
        if artifact is not None and artifact.artifact_hash != before:
            self._artifact, self._place = artifact, len(self._trainings)
            self._scorer = Scorer(artifact)
            self._pacer = self._replay.pacer(artifact, self._openings)
            if self._triggers is not None:
                self._triggers.follow(artifact)
        self._trainings.append(trained)

    def score(self, since: datetime, until: datetime) -> tuple[datetime, str] | None:
        """Score what is ready in ``[since, until)``; stop at a triggered training: when, why.

        The last training was at *since*.
        """
        if self._artifact is None:
            return None
        asked = None
        for moment in self._moments(since, until):
            self._score(since, moment, self._artifact)
            since = moment
            if self._triggers is not None and moment < until:
                because = self._triggers.due(moment)
                if because:
                    asked = moment, because
                    break
        oldest = micros(since) - (JOINED_DAYS + 1) * DAY_US
        self._openings = [one for one in self._openings if one.event_time >= oldest]
        return asked

    def _moments(self, since: datetime, until: datetime) -> Iterator[datetime]:
        if self._triggers is not None:
            yield from self._triggers.looks(since, until)
        yield until

    def _score(self, since: datetime, until: datetime, artifact: Artifact) -> None:
        for rows, table in self._replay.ready(since, until):
            found = self._scorer.score(table).scores
            self._scores[rows], self._version[rows] = found, self._place
            units = self._replay.paced(table, found, artifact)
            judged = self._pacer.judge(units)
            self._opened[rows] = judged.alerts
            self._hits[rows] = judged.alerts | judged.suppressed
            self._openings += [
                Opening(int(units.times[i]), int(units.event_times[i]), int(units.entities[i]))
                for i in np.flatnonzero(judged.alerts).tolist()
            ]
            if self._triggers is not None:
                self._triggers.scored(table, found, judged.alerts)
