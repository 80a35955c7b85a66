"""What a backtest replays: feature rows, made once for the whole window, and every label.

Events are read once through the SIEM's door, in order of arrival, and pass the same steps as in
scoring, so memory holds one step. The rows lie in a file and are looked at where they lie.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.online import OnlineFeatures, Step
from scoreback.models.features.online_units import OnlineUnits
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.units import FIRST, UnitPlan, UnitQueries
from scoreback.models.labels.truths import labels_from_field
from scoreback.models.labels.unit_labels import UnitLabels, subjects
from scoreback.records import (
    EVENT_COLUMNS,
    LABEL_COLUMNS,
    TIME,
    EventBatch,
    LabelBatch,
    LabelQuery,
    TimeWindow,
)
from scoreback.service.app import App, needed_fields
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.detectors.later_labels import later_labels
from scoreback.service.labels.chances import with_chances
from scoreback.service.scoring.cutter import Cut, Cutter
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.training.labelled_reader import refuse_missing, with_value
from scoreback.times import micros


@dataclass(frozen=True, slots=True)
class Labels:
    """Every label of the window, and since when each could be known."""

    table: pa.Table  # `LABEL_COLUMNS`, of groups also the unit
    known: NDArray[np.int64]  # microseconds
    verdicts: int  # how many of the first rows are analysts' verdicts

    def at(self, moment: datetime, since: datetime, units: pa.Array | None = None) -> pa.Table:
        """Those that were known at *moment*; of verdicts, those given from *since* on.

        With *units* the labels that others of these carry themselves are left out.
        """
        kept = self.known <= micros(moment)
        times = flat(self.table["label_time"]).cast(pa.int64()).to_numpy()
        kept[: self.verdicts] &= times[: self.verdicts] >= micros(since)
        if units is not None:
            carried = self.table.slice(self.verdicts)
            own = pc.is_in(subjects(carried), value_set=units)
            own = flat(pc.or_(own, pc.is_null(carried["event_id"])))
            kept[self.verdicts :] &= own.to_numpy(zero_copy_only=False)
        return self.table if kept.all() else self.table.filter(pa.array(kept))

    def told(self) -> pa.Table:
        """Analysts' verdicts, as `LabelLedger.history` gives them."""
        known = pa.array(self.known[: self.verdicts]).cast(TIME)
        given = self.table.slice(0, self.verdicts).select(LABEL_COLUMNS.names)
        return given.append_column("known_at", known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Feature rows of the whole window, in the order in which they were ready, and the labels."""

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
        """Read what replaying *detector* over ``[since, until)`` needs.

        Args:
            app: a workspace that may be written to.
            detector: its file says how much history each training looks at.
            since: the first day that is replayed.
            until: the end of the last one.
            now: the clock: labels that exist by then judge what was replayed.
            progress: told the number of events of each batch.

        Raises:
            DataError: no event in the window, or none that has a field that it reads.
            SiemUnavailable: the SIEM did not answer.
        """
        window = TimeWindow(since=first_event(detector, since), until=until)
        labels = _Reading(app, detector, window, now)
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
        """The rows, a step at a time."""
        with pa.memory_map(str(self.file)) as mapped, pa.ipc.open_file(mapped) as stored:
            for index in range(stored.num_record_batches):
                yield pa.Table.from_batches([stored.get_batch(index)])

    def between(self, oldest: datetime, at: datetime) -> pa.Table:
        """Rows of events from *oldest* on whose cells nothing that arrives after *at* can change.

        Within ``lag`` before *at* an event may still come that belongs into another's window. Units
        of a group are complete when they arrive.
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
    """How far back a training at *since* reads: its history, and the windows before that."""
    plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
    begin = since - detector.train.history - reach(plan) - plan.lag
    return begin if units is None else units.window_of(begin)


def carried_fields(detector: Detector) -> tuple[str, ...]:
    """The fields that training wants beside the features."""
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
        self._nothing: pa.Table | None = None  # in the form of what is read
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
    """*rows* in the types of those before; columns that never had a value have none at first."""
    if schema is not None:
        return rows.cast(schema)
    fields = [
        pa.field(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in rows.schema
    ]
    return rows.cast(pa.schema(fields))


class _Reading:
    """Gathers labels while events are read."""

    def __init__(self, app: App, detector: Detector, window: TimeWindow, now: datetime) -> None:
        self._detector, self._now = detector, now
        self._verdicts = _verdicts(app, detector, window, now)
        given = self._verdicts.drop_columns(["known_at"])
        plan = UnitPlan.of(detector)
        self._queries = None if plan is None else UnitQueries(plan, members=False)
        self._units = None if plan is None else UnitLabels(given)
        self._parts = [given]
        self._later = later_labels(app, detector)

    def take(self, batch: EventBatch) -> None:
        own, changed = self._from_field(batch)
        if self._queries is not None and self._units is not None:
            self._units.add(batch, self._queries.group(batch).unit, own, changed)
            return
        if own is not None:
            self._parts.append(pa.Table.from_batches([own.batch]))
        if changed is not None:
            self._parts.append(changed)

    def _from_field(self, batch: EventBatch) -> tuple[LabelBatch | None, pa.Table | None]:
        """Labels that the events carry themselves; and those of events whose labels changed."""
        spec = self._detector.labels.field
        if spec is None:
            return None, None
        own = labels_from_field(batch, spec).labels
        return (own, None) if self._later is None else self._later.split(batch, own)

    def all(self) -> Labels:
        table = pa.concat_tables(self._parts) if self._units is None else self._units.table()
        if self._queries is not None:
            self._queries.close()
        if self._detector.labels.incidents is not None:
            incidents = incident_labels(Path(self._detector.labels.incidents))
            table = pa.concat_tables([table, incidents], promote_options="default")
        known = flat(table["label_time"]).cast(pa.int64()).to_numpy().copy()
        count = self._verdicts.num_rows
        known[:count] = flat(self._verdicts["known_at"]).cast(pa.int64()).to_numpy()
        return Labels(table, known, count)


def _verdicts(app: App, detector: Detector, window: TimeWindow, now: datetime) -> pa.Table:
    """What the ledger holds of verdicts, once it was told all that the SIEM has."""
    ledger = LabelLedger(app.state, app.connector.name)
    spec, door = detector.labels.verdicts, app.connector.labels
    since = window.since - timedelta(days=1)
    if spec is not None and door is not None:
        query = LabelQuery(
            detector=detector.name, entity=detector.entity, since=since, window=spec.window
        )
        ledger.sync(door.read, query, as_of=now, now=now)
    told = ledger.history(detector.name, since=since)
    return with_chances(app.state.database, detector.name, told)
