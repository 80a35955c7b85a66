"""One run of one detector: takes events as they are read, cuts them into steps, publishes each.

A step ends between two arrival times, so its slice names the same events for ever; after each step
the watermark, the window state and the written scores are consistent
(`scoreback.service.scoring.publish`). A run does not read events itself: one reader may feed
several. An error in a run ends only that run, and is in its outcome.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.errors import StateError
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.online import OnlineFeatures, Step, waiting_events
from scoreback.models.features.online_units import OnlineUnits
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.units import UnitPlan
from scoreback.naming import score_id
from scoreback.records import (
    EVENT_COLUMNS,
    TIME,
    EventBatch,
    EventQuery,
    Stage,
    TimeWindow,
)
from scoreback.service.app import App
from scoreback.service.scoring.at_home import AtHome
from scoreback.service.scoring.cutter import Cut, Cutter
from scoreback.service.scoring.judges import Judges
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import (
    Models,
    ScoreJob,
    carried_fields,
    owed_file,
    starting_point,
)
from scoreback.service.scoring.publish import Published, look_again, publish, resolve
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.journal import journalled
from scoreback.service.state.runs import runs
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stopped


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that is being published, and what to count once it is."""

    step: Step
    alerts: int
    suppressed: int
    opened: int
    over_budget: int
    explored: int
    outcome: Future[Published]


class ScoreRun:
    """One run: `begin`, then `feed` as often as there are events, then `finish`.

    As a context manager it releases its detector in any case. It raises nothing but `Stopped`.
    """

    query: EventQuery

    def __init__(self, app: App, job: ScoreJob, now: datetime) -> None:
        """Score for *job* what can be read at *now*."""
        self.outcome, self.going = ScoreOutcome(), False
        self._app, self._job, self._now = app, job, now
        self._until = now - app.settle
        self._held = ExitStack()
        self._home = AtHome(app.state, job.detector)
        self._sent: _Sent | None = None  # the batch being sent

    def __enter__(self) -> "ScoreRun":
        """The run, not begun yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the detector, unless the run has ended."""
        self.going = False
        self._held.__exit__(kind, error, traceback)

    @property
    def models(self) -> Models:
        """The models that score now, the champion first."""
        return self._judges.models

    @property
    def watermark(self) -> datetime:
        """Everything that arrived before this was read and published."""
        return self._at.watermark

    def begin(self) -> None:
        """Lock the detector, finish what is in doubt and find where to go on."""
        with self._alone():
            job, app = self._job, self._app
            broke_off = _broke_off(app.state, job.detector.name)
            self._counts = self._held.enter_context(
                journalled(app.state, job.detector.name, "score", self._now)
            )
            self._held.callback(self._count)
            self.query = app.scoring_query(job.detector)
            self._columns = list(dict.fromkeys([*EVENT_COLUMNS.names, *self.query.fields]))
            self._carried = carried_fields(job.detector)
            if job.detector.group is None:  # a unit of several events has no single value of them
                self._carried += app.written_fields(job.detector)
            self._judges = Judges(app, job, self._now, self._carried, self._home)
            at = app.now(self._now)
            resolved = resolve(app.state, app.connector, job.detector.name, at=at)
            self.outcome.resolved, self.outcome.waiting = resolved.done, resolved.waiting
            if broke_off:
                look_again(app.state, app.connector, job.detector.name, at=at)
            self._at = starting_point(
                app, job.detector, job.models[0].version, since=job.since, until=self._until
            )
            self._owed = self._owed_events()
            if self._at.watermark > self._until:
                raise StateError(
                    f"the clock says {self._until:%Y-%m-%d %H:%M:%S} UTC, but events that arrived"
                    f" up to {self._at.watermark:%Y-%m-%d %H:%M:%S} UTC were read already",
                    hint="correct the clock, or wait until it has passed that time; nothing is"
                    " lost",
                )
            self._online = self._opened_features()
            self._held.callback(self._online.close)
            # A batch is sent while the next is computed, so that SIEM and detector both have work.
            self._sender = ThreadPoolExecutor(1, thread_name_prefix="scoreback-publish")
            self._held.callback(self._let_go_of_sender)
            self._cutter = Cutter(self.watermark)
            self.going = True

    def feed(self, batch: EventBatch) -> None:
        """Take the events read next; columns that this run did not ask for are ignored."""
        with self._alone():
            self.outcome.read += batch.num_rows
            events = pa.Table.from_batches([batch.batch]).select(self._columns)
            cut = self._cutter.feed(events)
            if cut is not None:
                self._step(cut, cut.window.until)

    def finish(self) -> None:
        """Score the remaining events, as no more are read, and release the detector."""
        with self._alone():
            self._step(self._cutter.last(), self._until)
            self._await_sent()
            self.outcome.homes = self._home.found()
            self._online.forget_others(_files(self._at))
            self.going = False
            self._held.close()

    def rewind(self) -> None:
        """Drop what was fed and is in no step yet: it will be read again."""
        self.outcome.read -= self._cutter.held
        self._cutter = Cutter(self.watermark)

    def fail(self, error: Exception) -> None:
        """End with *error*; the next run goes on where this one got to."""
        self.going, self.outcome.error = False, error
        try:
            self._held.__exit__(type(error), error, error.__traceback__)
        except Exception as worse:  # noqa: BLE001 - it could not even be recorded
            self.outcome.error = worse

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """An error inside ends this run, and no other that is fed beside it."""
        try:
            yield
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - also for a bug of ours; the outcome has it
            self.fail(error)

    def _count(self) -> None:
        refused = sum(published.refused for published in self.outcome.published)
        self._counts.update(read=self.outcome.read, scored=self.outcome.scored, refused=refused)

    def _opened_features(self) -> OnlineFeatures | OnlineUnits:
        detector = self._job.detector
        folder = self._app.windows_folder(detector.name) / self._at.plan_hash
        plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
        if units is None:
            return OnlineFeatures(plan, folder, self._carried, told=True)
        return OnlineUnits(units, plan, folder, self._carried, told=True)

    def _step(self, cut: Cut, ready_until: datetime) -> None:
        at = self._at
        if cut.events is None and at.pending is None:
            return  # nothing arrived and nothing waits
        events = cut.events if cut.events is not None else _no_events(self.query)
        before = _files(at)
        self._follow()
        step = self._online.step(
            events, cut.window, before, ready_until=ready_until, score_since=at.score_since,
            owed=self._owed,
        )  # fmt: skip
        if cut.events is None and not step.rows.num_rows:
            return  # what waits is not ready yet
        after = replace(
            at,
            watermark=cut.window.until,
            segments=step.state.slices,
            pending=step.state.pending,
            owed=at.owed if cut.window.until <= at.score_since else None,
            events=None if at.events is None else at.events + _arrived_since(events, at),
        )
        self._publish(step, cut.window, ready_until, after)

    def _publish(
        self, step: Step, window: TimeWindow, ready_until: datetime, after: Progress
    ) -> None:
        job, app = self._job, self._app
        moments = (window.since, window.until, ready_until)
        slice_name = "/".join(moment.isoformat() for moment in moments)
        said = self._judges.say(step.rows, window, after.plan_hash, slice_name)
        models = self.models  # the models that gave scores
        versions = ",".join(model.version.version for model in models)
        stages = ",".join(model.stage for model in models)
        batch_id = score_id(job.detector.name, versions, stages, after.plan_hash, slice_name)
        batch = Batch(
            batch_id=batch_id,
            detector=job.detector.name,
            version=versions,
            since=window.since,
            until=window.until,
            outbox=f"{batch_id}.arrow",
            next_progress=after,
        )
        self._await_sent()  # progress is made in order: at most one batch is in doubt
        self._online.forget_others(_files(self._at), step.state)
        sending = self._sender.submit(
            publish, app.state, app.connector, batch, said.parcel,
            at=app.now(self._now), clock=app.clock, paced=said.paced,
            counted=said.counted,
        )  # fmt: skip
        scores = said.parcel.scores.batch
        live = pc.equal(scores.column("stage"), Stage.LIVE.value)
        alerts = pc.sum(pc.and_(live, scores.column("alert"))).as_py() or 0
        judged = [one.judged for one in said.paced if one.stage is Stage.LIVE]
        suppressed = sum(int(one.suppressed.sum()) for one in judged)
        opened = sum(int(one.past.opened.sum()) for one in judged)
        over_budget = sum(one.held_back for one in judged)
        explored = sum(len(one.explored) for one in said.paced)
        self._sent = _Sent(step, int(alerts), suppressed, opened, over_budget, explored, sending)
        self._at = after

    def _follow(self) -> None:
        """Take over what is in force from now on: other models, or another operating point."""
        changed = self._job.changed()
        if changed is None:
            self._judges.follow_settings()
            return
        self._await_sent()  # what it opened counts for the next models
        self._judges.take(changed)

    def _owed_events(self) -> pa.Array | None:
        """The ids of events that an earlier plan left to this one."""
        if self._at.owed is None:
            return None
        place = owed_file(self._app, self._job.detector, self._at.owed)
        return flat(waiting_events(place.parent, place.name)["event_id"])

    def _await_sent(self) -> None:
        """Wait for the batch being sent, and count it.

        Raises:
            ScorebackError: sending failed; the batch is in doubt, and the next run resolves it.
        """
        if self._sent is None:
            return
        sent, self._sent = self._sent, None
        self.outcome.add(
            sent.step, sent.alerts, sent.outcome.result(), sent.suppressed,
            opened=sent.opened, over_budget=sent.over_budget, explored=sent.explored,
        )  # fmt: skip

    def _let_go_of_sender(self) -> None:
        self._sender.shutdown()
        try:
            self._await_sent()
        except Exception as error:  # noqa: BLE001 - an earlier error takes precedence
            self.outcome.error = self.outcome.error or error


def _broke_off(state: State, detector: str) -> bool:
    """Whether the last run of *detector* was interrupted."""
    last = runs(state, detector, 1, kind="score")
    return bool(last) and last[0].status != "done"


def _files(progress: Progress) -> StateFiles:
    return StateFiles(progress.segments, progress.pending)


def _arrived_since(events: pa.Table, at: Progress) -> int:
    """How many of *events* are to be scored and do not only fill windows."""
    since = pa.scalar(at.score_since, TIME)
    return int(pc.sum(pc.greater_equal(events["arrival_time"], since)).as_py() or 0)


def _no_events(query: EventQuery) -> pa.Table:
    fields = [pa.field(name, pa.string()) for name in query.fields]
    return pa.schema([*EVENT_COLUMNS, *fields]).empty_table()
