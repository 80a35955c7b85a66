"""What a backtest replays: feature rows, made once for the whole window, and every label.

Events are read once through the SIEM's door, in order of arrival, and pass the same steps as in
scoring, so memory holds one step at a time. The rows are stored in a memory-mapped file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.online import OnlineFeatures, Step
from scoreback.models.features.online_units import OnlineUnits
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.units import FIRST, UnitPlan
from scoreback.records import EVENT_COLUMNS, EventBatch, TimeWindow
from scoreback.service.app import App, needed_fields
from scoreback.service.backtesting.labels import Labels, Reading
from scoreback.service.scoring.cutter import Cut, Cutter
from scoreback.service.training.labelled_reader import refuse_missing, with_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Feature rows of the whole window, in the order in which they became ready, and the labels."""

    detector: Detector
    file: Path
    labels: Labels
    events: int

    @classmethod
    def read(
        cls,
        app: App,
        detector: Detector,
        since: datetime,
        until: datetime,
        *,
        now: datetime,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Read what a replay of *detector* over ``[since, until)`` needs.

        Args:
            app: a workspace that may be written to.
            detector: its file says how much history each training uses.
            since: the first day that is replayed.
            until: the end of the last day.
            now: the current time; labels that exist by then judge the replay.
            progress: called with the number of events of each batch.

        Raises:
            DataError: the window has no event, or no event has a field that the detector reads.
            SiemUnavailable: the SIEM did not answer.
        """
        window = TimeWindow(since=first_event(detector, since), until=until)
        labels = Reading(app, detector, window, now)
        file = app.settings.home / "rows.arrow"
        with _Rows(app, detector, window, file) as rows:
            missing = set(needed_fields(detector))
            for batch in _events(app, detector, window):
                missing -= with_value(batch, missing)
                labels.take(batch)
                rows.take(batch)
                if progress:
                    progress(batch.num_rows)
            rows.finish()
            if not rows.count:
                raise DataError(
                    f"detector {detector.name!r}: no event between {window.since:%Y-%m-%d} and"
                    f" {until:%Y-%m-%d}",
                    hint="check the selection with `scoreback check`, or move --since and --until"
                    " into the data's time",
                )
            refuse_missing(app, detector, missing)
            return cls(detector=detector, file=file, labels=labels.all(), events=rows.events)

    def batches(self) -> Iterator[pa.Table]:
        """The rows, one step at a time."""
        with pa.memory_map(str(self.file)) as mapped, pa.ipc.open_file(mapped) as stored:
            for index in range(stored.num_record_batches):
                yield pa.Table.from_batches([stored.get_batch(index)])

    def between(self, oldest: datetime, at: datetime) -> pa.Table:
        """Rows of events from *oldest* on whose cells no event arriving after *at* can change.

        Until ``lag`` has passed, an event may still arrive that belongs in another event's window.
        Units of a group are complete when they arrive.
        """
        lag = self.detector.lag if self.detector.group is None else timedelta(0)
        parts = []
        for batch in self.batches():
            time, arrived = batch["event_time"], batch["arrival_time"]
            kept = pc.and_(
                pc.greater_equal(time, pa.scalar(oldest, time.type)),
                pc.and_(
                    pc.less(arrived, pa.scalar(at, arrived.type)),
                    pc.less_equal(time, pa.scalar(at - lag, time.type)),
                ),
            )
            parts.append(batch.filter(kept))
        return pa.concat_tables(parts)


def first_event(detector: Detector, since: datetime) -> datetime:
    """The earliest event that a training at *since* reads: its history and the windows before."""
    plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
    begin = since - detector.train.history - reach(plan) - plan.lag
    return begin if units is None else units.window_of(begin)


def carried_fields(detector: Detector) -> tuple[str, ...]:
    """The fields that training needs besides the features."""
    fields = [detector.entity, *detector.split.hold_out]
    if detector.train.today_queue:
        fields.append(detector.train.today_queue)
    if detector.group is not None:
        fields.append(FIRST)
    return tuple(dict.fromkeys(fields))


def _events(app: App, detector: Detector, window: TimeWindow) -> Iterator[EventBatch]:
    door = app.connector.events
    for piece in door.slices(app.query(detector), window):
        yield from door.read(piece)


class _Rows:
    """Makes feature rows step by step, as scoring does, and writes them to a file."""

    def __init__(self, app: App, detector: Detector, window: TimeWindow, file: Path) -> None:
        plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
        folder, fields = app.settings.home / "windows", carried_fields(detector)
        self._online: OnlineFeatures | OnlineUnits = (
            OnlineFeatures(plan, folder, fields)
            if units is None
            else OnlineUnits(units, plan, folder, fields)
        )
        names = app.query(detector).fields
        self._columns = list(dict.fromkeys([*EVENT_COLUMNS.names, *names]))
        self._window, self._file = window, file
        self._cutter, self._state = Cutter(window.since), StateFiles()
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._schema: pa.Schema | None = None
        self._nothing: pa.Table | None = None  # an empty table with the schema of the events
        self.count = self.events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._online.close()
        if self._writer is not None:
            self._writer.close()

    def take(self, batch: EventBatch) -> None:
        self.events += batch.num_rows
        table = pa.Table.from_batches([batch.batch]).select(self._columns)
        self._nothing = table.slice(0, 0)
        cut = self._cutter.feed(table)
        if cut is not None:
            self._step(cut, cut.window.until)

    def finish(self) -> None:
        if self._nothing is not None:
            self._step(self._cutter.last(), self._window.until)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _step(self, cut: Cut, ready_until: datetime) -> None:
        events = self._nothing if cut.events is None else cut.events
        if events is None:
            return
        step: Step = self._online.step(
            events, cut.window, self._state, ready_until=ready_until,
            score_since=self._window.since,
        )  # fmt: skip
        self._state = step.state
        self._online.forget_others(self._state)
        if step.rows.num_rows:
            self._write(step.rows)

    def _write(self, rows: pa.Table) -> None:
        table = _in_one_form(rows, self._schema)
        if self._writer is None:
            self._schema = table.schema
            self._writer = pa.ipc.new_file(str(self._file), table.schema)
        for batch in table.combine_chunks().to_batches():
            self._writer.write_batch(batch)
        self.count += table.num_rows


def _in_one_form(rows: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """*rows* cast to the types of earlier rows; at first, a column without values is text."""
    if schema is not None:
        return rows.cast(schema)
    fields = [
        pa.field(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in rows.schema
    ]
    return rows.cast(pa.schema(fields))
