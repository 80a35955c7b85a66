"""Replays one detector from one start day: retrains when it would have, scores and paces alerts."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
from scoreback.service.backtesting.known import Units
from scoreback.service.backtesting.material import Material, first_event
from scoreback.service.in_force.operating_point import operating_point
from scoreback.service.labels.quarantine import without_contradictions, without_floods
from scoreback.service.scoring.pacing import paced_units
from scoreback.service.training.golden_gate import golden_rows, refuse_blind
from scoreback.service.training.memory import Room
from scoreback.service.training.train_job import named_rows
from scoreback.suppression import DAY_US
from scoreback.times import micros

JOINS = Holding(joins=True)  # what raises an alert is what opens one


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What became of one training of a replay."""

    as_of: datetime
    algorithm: str = ""
    artifact_hash: str = ""
    threshold: float | None = None  # that it was born with
    promised: float | None = None  # precision
    refused: str = ""  # why nothing was kept; the version before goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a replay from one start day gave, row by row of the material."""

    start: datetime
    trainings: tuple[Trained, ...]
    scores: Floats  # NaN where no version scored
    version: NDArray[np.int16]  # place in `trainings`; -1 where none scored
    opened: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    def replayed(self, units: Units) -> Replayed:
        """All rows, with what is known of them."""
        return Replayed(
            times=units.seen, event_times=units.event_times, entities=units.entities,
            truth=units.truth, verdicts=units.verdicts, opened=self.opened, hits=self.hits,
        )  # fmt: skip


class Replay:
    """Replays over the same material; each training of a moment is made once."""

    def __init__(self, app: App, material: Material, units: Units) -> None:
        """Prepare to replay *material*, of which *units* are the identities."""
        self._app, self._material, self._units = app, material, units
        self._made: dict[datetime, tuple[Trained, Artifact | None]] = {}

    def play(
        self,
        moments: Sequence[datetime],
        until: datetime,
        progress: Callable[[datetime], Progress | None] = lambda _moment: None,
    ) -> Played:
        """Train at each of *moments*, and score what is ready between them, and then to *until*."""
        count = len(self._units.seen)
        scores, version = np.full(count, np.nan), np.full(count, -1, dtype=np.int16)
        opened, hits = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        trainings: list[Trained] = []
        current: tuple[int, Artifact] | None = None
        openings: list[Opening] = []
        in_force = ""
        for place, (moment, end) in enumerate(pairwise([*moments, until])):
            trained, artifact = self._train(moment, progress(moment))
            trainings.append(trained)
            if artifact is not None and trained.artifact_hash != in_force:
                in_force = trained.artifact_hash
                current, pacer = (place, artifact), self._pacer(artifact, openings)
            if current is None:
                continue
            for rows, table in self._ready(moment, end):
                found = Scorer(current[1]).score(table).scores
                scores[rows], version[rows] = found, current[0]
                units = self._paced(table, found, current[1])
                judged = pacer.judge(units)
                opened[rows], hits[rows] = judged.alerts, judged.alerts | judged.suppressed
                openings += [
                    Opening(int(units.times[i]), int(units.event_times[i]), int(units.entities[i]))
                    for i in np.flatnonzero(judged.alerts).tolist()
                ]
            oldest = micros(end) - (JOINED_DAYS + 1) * DAY_US
            openings = [one for one in openings if one.event_time >= oldest]
        return Played(
            start=moments[0], trainings=tuple(trainings), scores=scores, version=version,
            opened=opened, hits=hits,
        )  # fmt: skip

    def _ready(
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Rows that became ready in ``[since, until)``, a step at a time, and their places."""
        inside = (self._units.ready >= micros(since)) & (self._units.ready < micros(until))
        begin = 0
        for batch in self._material.batches():
            here = np.flatnonzero(inside[begin : begin + batch.num_rows])
            if len(here):
                yield here + begin, batch.take(pa.array(here))
            begin += batch.num_rows

    def _pacer(self, artifact: Artifact, opened: Sequence[Opening]) -> Pacer:
        point = operating_point(self._detector, "", artifact)
        return Pacer(
            point.pace, point.day_starts, point.born, cold_start=artifact.cold_start,
            opened=opened, holding=JOINS,
        )  # fmt: skip

    def _paced(self, rows: pa.Table, scores: Floats, artifact: Artifact) -> PacedUnits:
        entity = "field:" + self._detector.entity
        floor = self._detector.alerts.least_precision
        return paced_units(rows, scores, entity, lag=artifact.lag, floor=floor)

    @property
    def _detector(self) -> Detector:
        return self._material.detector

    def _labels(self, at: datetime, since: datetime, rows: pa.Table) -> pa.Table:
        """What was known at *at*, without what was in quarantine then."""
        labels = self._material.labels.at(at, since=since)
        if self._detector.labels.verdicts is None or self._app.connector.labels is None:
            return labels
        labels, _ = without_floods(self._app, self._detector, labels, at)
        labels, _ = without_contradictions(self._app, self._detector, labels, rows, at)
        return labels

    def _train(self, at: datetime, progress: Progress | None) -> tuple[Trained, Artifact | None]:
        """The version that training as of *at* gives, by what was known then."""
        if at not in self._made:
            self._made[at] = self._trained(at, progress)
        return self._made[at]

    def _trained(self, at: datetime, progress: Progress | None) -> tuple[Trained, Artifact | None]:
        detector, settings = self._detector, self._app.settings
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
