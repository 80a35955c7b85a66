"""The models that score a step's rows, under the operating point in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from scoreback.errors import DataError, StateError
from scoreback.models.artifact.scoring import Scorer, Scores
from scoreback.naming import score_id
from scoreback.records import ScoreBatch, Stage, TimeWindow
from scoreback.service.app import App
from scoreback.service.in_force.detector import InForce, in_force
from scoreback.service.in_force.operating_point import OperatingPoint, note_point
from scoreback.service.scoring.at_home import AtHome
from scoreback.service.scoring.exploring import Exploring
from scoreback.service.scoring.outbox import Parcel
from scoreback.service.scoring.pacing import Paced, Pacing
from scoreback.service.scoring.plan import Model, Models, ScoreJob
from scoreback.service.scoring.score_batch import histogram_of, kept_scores
from scoreback.service.state.pacing_log import PacedStep, join_old_steps
from scoreback.service.state.scored_counts import ScoredHour


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The result of a step: what is written, what pacing remembers of it, and counts."""

    parcel: Parcel
    paced: tuple[PacedStep, ...]
    counted: tuple[ScoredHour, ...]


class Judges:
    """The models that score for one run; the champion comes first."""

    models: Models

    def __init__(
        self, app: App, job: ScoreJob, now: datetime, carried: tuple[str, ...], home: AtHome
    ) -> None:
        """Begin with the models of *job*.

        Args:
            app: the open workspace.
            job: the job to score for.
            now: the time written on each score as the time when it was made.
            carried: event fields that scores carry.
            home: counts what is scored.
        """
        self._app, self._job, self._now = app, job, now
        self._carried, self._home = carried, home
        self.take(job.models)

    def take(self, models: Models) -> None:
        """Let *models* score from now on."""
        self.models = models
        now, database = in_force(self._app.state, self._job.detector), self._app.state.database
        join_old_steps(database, self._job.detector.name)
        self._judges: list[tuple[Model, Scorer, Pacing]] = []
        champion, *shadows = models
        for model in shadows:
            with self._unless_shadow(model):
                pacing = Pacing(self._app, model, now.detector)
                self._judges.append((model, Scorer(model.artifact), pacing))
        # What the champion leaves of its budget depends on the shadows.
        self._exploring = Exploring(database, now.detector, self._beside())
        pacing = Pacing(self._app, champion, now.detector, self._exploring.spared)
        self._judges.insert(0, (champion, Scorer(champion.artifact), pacing))
        self._exploring.remember(pacing.opened)
        self._note_point(pacing.point, now)

    def follow_settings(self) -> None:
        """Judge by the settings in force now, with the models that still score."""
        now = in_force(self._app.state, self._job.detector)
        self._exploring.follow(now.detector, self._beside())
        for model, _, pacing in self._judges:
            live = model.stage is Stage.LIVE
            spared = self._exploring.spared if live else None
            if pacing.follow(now.detector, spared) and live:
                self._note_point(pacing.point, now)

    def say(self, rows: pa.Table, window: TimeWindow, plan: str, slice_name: str) -> Said:
        """Score the same *rows* with every model: one batch of scores for all, one histogram each.

        Args:
            rows: feature rows of the step.
            window: the arrival window of the step.
            plan: hash of the feature plan.
            slice_name: names the step for ever.
        """
        detector, app = self._job.detector, self._app
        found: dict[str, tuple[Scores, Paced]] = {}
        for model, scorer, pacing in tuple(self._judges):
            with self._unless_shadow(model):
                scored = scorer.score(rows)
                found[model.version.version] = scored, pacing.judge(rows, scored.scores)
        (_, own), *beside = found.values()
        pace = self._judges[0][2].point.pace
        drawn = self._exploring.draw(rows["event_id"], own, [one for _, one in beside], pace)
        paced_steps = {step.version: step for step in (own.step, *drawn)}
        batches, histograms, steps, said = [], [], [], []
        for model, scorer, pacing in tuple(self._judges):
            with self._unless_shadow(model):
                scored, paced = found[model.version.version][0], paced_steps[model.version.version]
                kept = kept_scores(
                    scorer, rows, scored, paced, pacing.point, detector,
                    connection=app.connector.name, scored_at=self._now, carried=self._carried,
                )  # fmt: skip
                version, bins = model.version, model.artifact.bins
                name = score_id(detector.name, version.version, model.stage, plan, slice_name)
                histograms.append(
                    histogram_of(name, rows, scored.scores, version, model.stage, window, bins)
                )
                said.append((model, scored.scores))
                batches.append(kept.batch)
                steps.append(paced)
        counted = self._home.count(said, rows)
        scores = batches[0]
        if len(batches) > 1:
            whole = pa.Table.from_batches(batches).combine_chunks()
            scores = next(iter(whole.to_batches()), scores)
        parcel = Parcel(ScoreBatch(scores), tuple(histograms), app.enrichment(detector))
        return Said(parcel=parcel, paced=tuple(steps), counted=counted)

    def _beside(self) -> list[str]:
        return [m.version.version for m, _, _ in self._judges if m.stage is Stage.SHADOW]

    @contextmanager
    def _unless_shadow(self, model: Model) -> Iterator[None]:
        """An error of a shadow ends its scoring in this run and is reported, nothing more."""
        try:
            yield
        except (DataError, StateError) as error:
            if model.stage is Stage.LIVE:
                raise
            self._job.unusable[model.version.version] = error.message
            self._judges = [judge for judge in self._judges if judge[0] is not model]
            self.models = tuple(other for other in self.models if other is not model)

    def _note_point(self, point: OperatingPoint, now: InForce) -> None:
        author, reason = now.latest_change
        note_point(
            self._app.state, self._job.detector.name, point,
            author=author, reason=reason, at=self._app.now(self._now),
        )  # fmt: skip
