"""One run of one detector: takes events as they are read, cuts them into steps, publishes each.

A step ends between two arrival times, so its slice names the same events for ever; after each step
the watermark, the window state and the written scores are one consistent whole
(`scoreback.service.scoring.publish`). Who reads the events is not a run's business: one reader may
feed several. What goes wrong in a run ends that run only, and is told in its outcome.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import StateError
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.online import OnlineFeatures, Step
from scoreback.models.features.online_units import OnlineUnits
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.units import UnitPlan
from scoreback.naming import score_id
from scoreback.records import EVENT_COLUMNS, EventBatch, EventQuery, TimeWindow
from scoreback.service.app import App
from scoreback.service.scoring.cutter import Cut, Cutter
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import ScoreJob, carried_fields, starting_point
from scoreback.service.scoring.publish import Published, publish, settle
from scoreback.service.scoring.score_batch import histogram_of, kept_scores
from scoreback.service.state.journal import journalled
from scoreback.service.state.workspace_state import Batch, Progress
from scoreback.service.stopping import Stopped


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that is being published, and what counts once it is."""

    step: Step
    alerts: int
    outcome: Future[Published]


class ScoreRun:
    """One run, from `begin` over `feed`, as often as there are events, to `finish`.

    As a context it lets go of its detector, whatever happens. It raises nothing but `Stopped`.
    """

    query: EventQuery

    def __init__(self, app: App, job: ScoreJob, now: datetime) -> None:
        """Score for *job* what is settled at *now*."""
        self.outcome, self.going = ScoreOutcome(), False
        self._app, self._job, self._now = app, job, now
        self._until = now - app.settle
        self._held = ExitStack()
        self._sent: _Sent | None = None  # the batch on its way

    def __enter__(self) -> "ScoreRun":
        """Itself, not begun."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the detector, unless the run has ended."""
        self.going = False
        self._held.__exit__(kind, error, traceback)

    @property
    def watermark(self) -> datetime:
        """What arrived before it was read and published."""
        return self._at.watermark

    def begin(self) -> None:
        """Hold the detector, finish what is in doubt and find where to go on."""
        with self._alone():
            job, app = self._job, self._app
            self._counts = self._held.enter_context(
                journalled(app.state, job.detector.name, "score", self._now)
            )
            self._held.callback(self._count)
            self.query = app.query(job.detector)
            self._columns = list(dict.fromkeys([*EVENT_COLUMNS.names, *self.query.fields]))
            self._carried = carried_fields(job.detector)
            if job.detector.group is None:  # a unit of events has no one value of what they have
                self._carried += app.written_fields(job.detector)
            self._scorer = Scorer(job.artifact)
            self.outcome.settled = settle(app.state, app.connector, job.detector.name)
            self._at = starting_point(
                app, job.detector, job.version, since=job.since, until=self._until
            )
            if self._at.watermark > self._until:
                raise StateError(
                    f"the clock says {self._until:%Y-%m-%d %H:%M:%S} UTC, but events that arrived"
                    f" up to {self._at.watermark:%Y-%m-%d %H:%M:%S} UTC were read already",
                    hint="set the clock right, or wait until it has passed that time; nothing is"
                    " lost",
                )
            self._online = self._opened_features()
            self._held.callback(self._online.close)
            # A batch is sent while the next is made: SIEM and detector both have work.
            self._sender = ThreadPoolExecutor(1, thread_name_prefix="scoreback-publish")
            self._held.callback(self._let_go_of_sender)
            self._cutter = Cutter(self.watermark)
            self.going = True

    def feed(self, batch: EventBatch) -> None:
        """Take what was read next; columns that this run did not ask for are left aside."""
        with self._alone():
            self.outcome.read += batch.num_rows
            events = pa.Table.from_batches([batch.batch]).select(self._columns)
            cut = self._cutter.feed(events)
            if cut is not None:
                self._step(cut, cut.window.until)

    def finish(self) -> None:
        """Nothing more is read: score what is left, and let go of the detector."""
        with self._alone():
            self._step(self._cutter.last(), self._until)
            self._await_sent()
            self._online.forget_others(_files(self._at))
            self.going = False
            self._held.close()

    def rewind(self) -> None:
        """Forget what was fed and is in no step yet: it will be read again."""
        self.outcome.read -= self._cutter.held
        self._cutter = Cutter(self.watermark)

    def fail(self, error: Exception) -> None:
        """End for *error*; the next run goes on where this one got to."""
        self.going, self.outcome.error = False, error
        try:
            self._held.__exit__(type(error), error, error.__traceback__)
        except Exception as worse:  # noqa: BLE001 - it could not even be written down
            self.outcome.error = worse

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """What goes wrong inside is the end of this run, and of no other that is fed beside it."""
        try:
            yield
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - also a mistake of ours; the outcome has it
            self.fail(error)

    def _count(self) -> None:
        self._counts.update(read=self.outcome.read, scored=self.outcome.scored)

    def _opened_features(self) -> OnlineFeatures | OnlineUnits:
        detector = self._job.detector
        folder = self._app.settings.state / "windows" / detector.name / self._at.plan_hash
        plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
        if units is None:
            return OnlineFeatures(plan, folder, self._carried)
        return OnlineUnits(units, plan, folder, self._carried)

    def _step(self, cut: Cut, ready_until: datetime) -> None:
        at = self._at
        if cut.events is None and at.pending is None:
            return  # nothing arrived and nothing waits
        events = cut.events if cut.events is not None else _no_events(self.query)
        before = _files(at)
        step = self._online.step(
            events, cut.window, before, ready_until=ready_until, score_since=at.score_since
        )
        if cut.events is None and not step.rows.num_rows:
            return  # what waits is not ready yet
        after = replace(
            at,
            watermark=cut.window.until,
            segments=step.state.slices,
            pending=step.state.pending,
        )
        self._publish(step, cut.window, ready_until, after)

    def _publish(
        self, step: Step, window: TimeWindow, ready_until: datetime, after: Progress
    ) -> None:
        job, app = self._job, self._app
        moments = (window.since, window.until, ready_until)
        slice_name = "/".join(moment.isoformat() for moment in moments)
        batch_id = score_id(
            job.detector.name, job.version.version, job.stage, after.plan_hash, slice_name
        )
        scored = self._scorer.score(step.rows)
        scores = kept_scores(
            self._scorer, step.rows, scored, job.detector, job.version,
            connection=app.connector.name, stage=job.stage, scored_at=self._now,
            carried=self._carried,
        )  # fmt: skip
        histogram = histogram_of(batch_id, step.rows, scored.scores, job.version, job.stage, window)
        batch = Batch(
            batch_id=batch_id,
            detector=job.detector.name,
            version=job.version.version,
            since=window.since,
            until=window.until,
            outbox=f"{batch_id}.arrow",
            next_progress=after,
        )
        enrichment = app.enrichment(job.detector)
        self._await_sent()  # progress is made in order: only one batch is ever in doubt
        self._online.forget_others(_files(self._at), step.state)
        sending = self._sender.submit(
            publish, app.state, app.connector, batch, scores, histogram, enrichment
        )
        alerts = int(pc.sum(scores.batch.column("alert")).as_py() or 0)
        self._sent = _Sent(step, alerts, sending)
        self._at = after

    def _await_sent(self) -> None:
        """Wait for the batch on its way, and count it.

        Raises:
            ScorebackError: it did not get through; it is in doubt, and settled by the next run.
        """
        if self._sent is None:
            return
        sent, self._sent = self._sent, None
        self.outcome.add(sent.step, sent.alerts, sent.outcome.result())

    def _let_go_of_sender(self) -> None:
        self._sender.shutdown()
        try:
            self._await_sent()
        except Exception as error:  # noqa: BLE001 - what ended the run before it is told of first
            self.outcome.error = self.outcome.error or error


def _files(progress: Progress) -> StateFiles:
    return StateFiles(progress.segments, progress.pending)


def _no_events(query: EventQuery) -> pa.Table:
    fields = [pa.field(name, pa.string()) for name in query.fields]
    return pa.schema([*EVENT_COLUMNS, *fields]).empty_table()
