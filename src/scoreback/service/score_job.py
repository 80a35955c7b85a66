"""Scores what arrived since the last run, in bounded steps, and writes the kept part back.

Events are read by arrival time, each once. A step ends between two arrival times, so its slice
names the same events for ever; after each step the watermark, the window state and the written
scores are one consistent whole (`scoreback.service.publish`). How the stream is cut into runs and
steps changes no score.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import StateError
from scoreback.models.artifact import Artifact
from scoreback.models.detector import Detector
from scoreback.models.features import FeaturePlan
from scoreback.models.history import reach
from scoreback.models.online import OnlineFeatures, StateFiles, Step
from scoreback.models.online_units import OnlineUnits
from scoreback.models.scoring import Scorer
from scoreback.models.units import UnitPlan
from scoreback.records import (
    EVENT_COLUMNS,
    EventQuery,
    ModelVersion,
    Stage,
    TimeWindow,
    score_id,
)
from scoreback.service.app import App
from scoreback.service.journal import journalled
from scoreback.service.publish import Published, publish, settle
from scoreback.service.state import Batch, Progress
from scoreback.service.writing import histogram_of, kept_scores

STEP_ROWS = 20_000  # events in a step at least, once it can be cut: bounds memory


@dataclass(slots=True)
class ScoreOutcome:
    """What one run did."""

    read: int = 0
    scored: int = 0
    late: int = 0
    ungrouped: int = 0
    alerts: int = 0
    published: list[Published] = field(default_factory=list)
    settled: int = 0
    uncast: dict[str, int] = field(default_factory=dict)


def score(
    app: App,
    detector: Detector,
    version: ModelVersion,
    artifact: Artifact,
    *,
    now: datetime,
    since: datetime | None = None,
    stage: Stage = Stage.LIVE,
    progress: Callable[[int], None] | None = None,
) -> ScoreOutcome:
    """Score every event that arrived since the last run and is settled at *now*.

    Args:
        app: the open workspace.
        detector: whose events.
        version: whose model.
        artifact: that model.
        now: the clock; events that arrived less than ``settle`` before it wait.
        since: where a first run begins, by arrival time; by default, where training ended.
        stage: written on each score.
        progress: told the number of events read.

    Raises:
        StateError: another process scores this detector, or the clock went backwards.
        SiemUnavailable: nothing is lost; the next run goes on where this one stopped.
    """
    with journalled(app.state, detector.name, "score", now) as counts:
        run = _Run(app, detector, version, artifact, now, stage)
        try:
            run.outcome.settled = settle(app.state, app.connector, detector.name)
            run.go(since or version.trained_as_of, progress)
        finally:
            run.close()
            counts.update(read=run.outcome.read, scored=run.outcome.scored)
        return run.outcome


class _Run:
    """One run of one detector: reads, cuts into steps, publishes each."""

    def __init__(
        self,
        app: App,
        detector: Detector,
        version: ModelVersion,
        artifact: Artifact,
        now: datetime,
        stage: Stage,
    ) -> None:
        self.outcome = ScoreOutcome()
        self._app, self._detector, self._version = app, detector, version
        self._artifact, self._scorer = artifact, Scorer(artifact)
        self._now, self._stage = now, stage
        self._until = now - app.settle
        self._plan = FeaturePlan.of(detector)
        self._query = app.query(detector)
        self._plan_hash = plan_hash(detector, self._query)
        folder = app.settings.state / "windows" / detector.name / self._plan_hash
        self._carried = (*carried_fields(detector), *app.written_fields(detector))
        self._units = UnitPlan.of(detector)
        self._online: OnlineFeatures | OnlineUnits
        if self._units is None:
            self._online = OnlineFeatures(self._plan, folder, self._carried)
        else:
            self._online = OnlineUnits(self._units, self._plan, folder, self._carried)

    def close(self) -> None:
        self._online.close()

    def go(self, first: datetime, progress: Callable[[int], None] | None) -> None:
        at = self._starting_point(first)
        if at.watermark > self._until:
            raise StateError(
                f"the clock says {self._until:%Y-%m-%d %H:%M:%S} UTC, but events that arrived up to"
                f" {at.watermark:%Y-%m-%d %H:%M:%S} UTC were read already",
                hint="set the clock right, or wait until it has passed that time; nothing is lost",
            )
        for cut in _cut(self._batches(at.watermark, progress), at.watermark):
            ready_until = self._until if cut.last else cut.window.until
            at = self._step(at, cut, ready_until)

    def _starting_point(self, first: datetime) -> Progress:
        """Where the last run stopped, or far enough before *first* that windows are full."""
        found = self._app.state.progress(self._detector.name, self._plan_hash)
        if found is not None:
            return found
        resumed = self._app.state.latest_watermark(self._detector.name)
        first = resumed if resumed is not None else first  # another plan scored up to there
        watermark = min(first - reach(self._plan) - self._plan.lag, self._until)
        if self._units is not None:
            watermark = self._units.window_of(watermark)  # no unit is read in part
        return Progress(
            detector=self._detector.name,
            plan_hash=self._plan_hash,
            watermark=watermark,
            score_since=first,
        )

    def _batches(
        self, watermark: datetime, progress: Callable[[int], None] | None
    ) -> Iterator[pa.Table]:
        window = TimeWindow(since=watermark, until=self._until)
        for piece in self._app.connector.slices(self._query, window):
            for batch in self._app.connector.read(piece):
                self.outcome.read += batch.num_rows
                if progress:
                    progress(batch.num_rows)
                yield pa.Table.from_batches([batch.batch])

    def _step(self, at: Progress, cut: "_Cut", ready_until: datetime) -> Progress:
        if cut.events is None and at.pending is None:
            return at  # nothing arrived and nothing waits
        events = cut.events if cut.events is not None else _no_events(self._query)
        before = StateFiles(at.segments, at.pending)
        step = self._online.step(
            events, cut.window, before, ready_until=ready_until, score_since=at.score_since
        )
        if cut.events is None and not step.rows.num_rows:
            return at  # what waits is not ready yet
        after = replace(
            at,
            watermark=cut.window.until,
            segments=step.state.slices,
            pending=step.state.pending,
        )
        self._publish(step, cut.window, ready_until, after)
        self._online.forget_others(step.state)
        return after

    def _publish(
        self, step: Step, window: TimeWindow, ready_until: datetime, after: Progress
    ) -> None:
        moments = (window.since, window.until, ready_until)
        slice_name = "/".join(moment.isoformat() for moment in moments)
        batch_id = score_id(
            self._detector.name, self._version.version, self._stage, self._plan_hash, slice_name
        )
        scored = self._scorer.score(step.rows)
        scores = kept_scores(
            self._scorer, step.rows, scored, self._detector, self._version,
            connection=self._app.connector.name, stage=self._stage, scored_at=self._now,
            carried=self._carried,
        )  # fmt: skip
        histogram = histogram_of(
            batch_id, step.rows, scored.scores, self._version, self._stage, window
        )
        batch = Batch(
            batch_id=batch_id,
            detector=self._detector.name,
            version=self._version.version,
            since=window.since,
            until=window.until,
            outbox=f"{batch_id}.parquet",
            next_progress=after,
        )
        enrichment = self._app.enrichment(self._detector)
        done = publish(self._app.state, self._app.connector, batch, scores, histogram, enrichment)
        self.outcome.published.append(done)
        self.outcome.scored += step.rows.num_rows
        self.outcome.late += step.late
        self.outcome.ungrouped += step.ungrouped
        self.outcome.alerts += int(pc.sum(scores.batch.column("alert")).as_py() or 0)
        for name, count in step.uncast.items():
            self.outcome.uncast[name] = self.outcome.uncast.get(name, 0) + count


@dataclass(frozen=True, slots=True)
class _Cut:
    window: TimeWindow
    events: pa.Table | None  # None: nothing arrived
    last: bool


def _cut(batches: Iterator[pa.Table], since: datetime) -> Iterator[_Cut]:
    """Cut a stream in order of arrival between two arrival times; one cut is held back as the last.

    The last window ends just after the last arrival, not at the clock: what a reader is given later
    with an older time than the clock's is still read, as long as it is newer than what was read.
    """
    held: pa.Table | None = None
    for batch in batches:
        held = batch if held is None else pa.concat_tables([held, batch])
        if held.num_rows < STEP_ROWS:
            continue
        newest = pc.max(held["arrival_time"])
        before = held.filter(pc.less(held["arrival_time"], newest))
        if not before.num_rows:
            continue
        until = newest.as_py()
        yield _Cut(TimeWindow(since=since, until=until), before, last=False)
        held, since = held.filter(pc.equal(held["arrival_time"], newest)), until
    until = since
    if held is not None:
        until = pc.max(held["arrival_time"]).as_py() + timedelta(microseconds=1)
    yield _Cut(TimeWindow(since=since, until=until), held, last=True)


def _no_events(query: EventQuery) -> pa.Table:
    fields = [pa.field(name, pa.string()) for name in query.fields]
    return pa.schema([*EVENT_COLUMNS, *fields]).empty_table()


def plan_hash(detector: Detector, query: EventQuery) -> str:
    """Names everything that window state and waiting events depend on; 16 hex digits."""
    parts = {
        "features": [feature.model_dump(mode="json") for feature in detector.features],
        "lag": detector.lag.total_seconds(),
        "selection": query.selection,
        "fields": query.fields,
    }
    if detector.group is not None:
        parts["unit"] = detector.group.model_dump(mode="json")
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carried_fields(detector: Detector) -> tuple[str, ...]:
    """Event fields that scores carry: the entity first, then what the file copies."""
    copied = [name for name in detector.write.copy_fields if name != detector.entity]
    return (detector.entity, *copied)
