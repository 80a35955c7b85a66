"""Feature rows of events as they arrive: each event is read once, however the runs are timed.

A step takes the events that arrived in ``[since, until)``. An on-time event is ready once every
on-time event with an earlier event time has been read, which is when ``event_time + lag`` is past;
until then it waits in the pending file. A late event is ready at once, with its windows missing.

State consists of immutable files in one folder per feature plan, named by their slice and content:
a rerun of a step writes the same file again, and only the files named in `StateFiles` count. The
caller stores those names and its watermark in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat, together
from scoreback.engine import open_engine
from scoreback.errors import StateError
from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.features.history import (
    WindowQueries,
    all_series,
    closed_buckets,
    history_of,
)
from scoreback.models.features.state_files import (
    StateFiles,
    StateFolder,
    first_line,
    slice_name,
    spill_of,
    unsealed,
)
from scoreback.models.features.told import told_fields
from scoreback.models.features.whole_history import event_part, in_plan_order
from scoreback.models.features.windows import HISTORY, Series, key_column, window_columns
from scoreback.records import TIME, EventBatch, TimeWindow
from scoreback.sql import literal
from scoreback.times import micros

SLICE = ("raw", "sums")  # the kinds of files that each slice has
PENDING = "pending"
COMPACT_AT = 48  # slices; with more, every step would open too many files
_SERIES = pa.field("series", pa.int32(), nullable=False)
_STORED = pa.schema([_SERIES, *HISTORY])


@dataclass(frozen=True, slots=True)
class Step:
    """Feature rows that became ready, and the state after them."""

    rows: pa.Table
    state: StateFiles
    late: int
    uncast: Mapping[str, int]
    ungrouped: int = 0  # events that belong to no unit because they have none of the group's fields


class OnlineFeatures:
    """Computes feature rows step by step over state files in *folder*."""

    def __init__(
        self, plan: FeaturePlan, folder: Path, fields: tuple[str, ...], *, told: bool = False
    ) -> None:
        """Prepare for events that have the plan's fields and *fields*; rows carry *fields* along.

        If *told*, rows also carry the values that reasons name: see `features.told`.
        """
        self._plan, self._told = plan, told
        self._names = frozenset(feature.name for feature in plan.features)
        self._series = all_series(plan)
        self._slices = StateFolder(folder, SLICE)
        self._waiting = StateFolder(folder, (PENDING,))
        also = told_fields(plan.features) if told else ()
        self._fields = tuple(dict.fromkeys([*fields, *also]))
        self._events = EventFeatures(plan)
        self._queries = WindowQueries(plan)

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """The engine, opened for the first window: opening costs as much as thousands of events."""
        return open_engine("1GB", threads=1, spill=spill_of(self._slices.folder))

    def step(
        self,
        events: pa.Table,
        window: TimeWindow,
        state: StateFiles,
        *,
        ready_until: datetime,
        score_since: datetime,
        owed: pa.Array | None = None,
    ) -> Step:
        """Take *events*, all that arrived in *window*, and return the rows that became ready.

        Args:
            events: `EVENT_COLUMNS` and the requested fields, each event id once.
            window: the slice, on the arrival clock; steps follow each other without gaps.
            state: the state after the previous step.
            ready_until: on-time events with ``event_time + lag`` up to here are ready; at least
                ``window.until`` must have been read, or earlier events may be missing.
            score_since: events that arrived earlier are history only and give no rows, even those
                that wait in the pending file.
            owed: ids of earlier events that give rows all the same.

        Raises:
            StateError: a state file is missing or damaged.
        """
        name = slice_name(window)
        slices = (*state.slices, *self._remember(events, name))
        waiting = together([self._pending(state, events.schema), events])
        if window.since <= score_since:
            chosen = pc.greater_equal(waiting["arrival_time"], _scalar(score_since))
            if owed is not None:
                chosen = pc.or_(chosen, pc.is_in(waiting["event_id"], value_set=owed))
            waiting = waiting.filter(chosen)
        ready, rest = self._split(waiting, ready_until)
        rows, late, uncast = self._rows(ready, slices)
        pending = self._keep_pending(rest, name)
        if len(slices) > COMPACT_AT:
            slices = (self._compact(slices, window.until),)
        return Step(rows, StateFiles(slices, pending), late, uncast)

    def look_up(self, events: pa.Table, state: StateFiles) -> pa.Table:
        """Feature rows of *events* with the history in *state*; changes nothing.

        For scoring on demand: every event is treated as on time and ready now.
        """
        order = [("event_time", "ascending"), ("event_id", "ascending")]
        rows, _, _ = self._rows(_one_batch(events.sort_by(order)), state.slices)
        return rows

    def forget_others(self, *states: StateFiles) -> None:
        """Delete the folder's files that none of *states*, committed or about to be, names."""
        slices = {name for state in states for name in state.slices}
        known = [path for name in slices for path in self._slices.paths(name)]
        folder = self._slices.folder
        known += [folder / state.pending for state in states if state.pending is not None]
        self._slices.forget_all_but(known)

    def close(self) -> None:
        """Close the engines."""
        self._events.close()
        self._queries.close()
        if "_engine" in self.__dict__:
            self._engine.close()

    def _remember(self, events: pa.Table, name: str) -> tuple[str, ...]:
        """Write raw history and sums of one slice; return their name, none if no event counts."""
        if not events.num_rows or not self._series:
            return ()
        queries = [self._queries.of(EventBatch(batch)) for batch in events.to_batches()]
        asked = pa.concat_tables(queries)
        raw = [history_of(series, asked) for series in self._series]
        if not any(table.num_rows for table in raw):
            return ()
        sums = [closed_buckets(s, table) for s, table in zip(self._series, raw, strict=True)]
        return (self._slices.write([_stacked(raw), _stacked(sums)], name),)

    def _split(self, waiting: pa.Table, ready_until: datetime) -> tuple[pa.RecordBatch, pa.Table]:
        """The events that are ready, sorted by event time and id, and the others."""
        lag = pa.scalar(self._plan.lag, pa.duration("us"))
        delay = pc.subtract(waiting["arrival_time"], waiting["event_time"])
        complete = pc.less_equal(pc.add(waiting["event_time"], lag), _scalar(ready_until))
        ready = pc.or_(complete, pc.greater(delay, lag))
        # Copies of whole events dominate a step's cost: make no more than two if all are ready.
        batch = _one_batch(waiting if pc.all(ready).as_py() else waiting.filter(ready))
        order = pc.sort_indices(batch, [("event_time", "ascending"), ("event_id", "ascending")])
        return batch.take(order), waiting.filter(pc.invert(ready))

    def _rows(
        self, ready: pa.RecordBatch, slices: Sequence[str]
    ) -> tuple[pa.Table, int, Mapping[str, int]]:
        batch = EventBatch(ready)
        part, uncast = event_part(self._events, batch, self._fields)
        queries = self._queries.of(batch)
        history = self._history(queries, slices)
        windows = window_columns(self._plan.window_features, queries, history, told=self._told)
        for name in [name for name in windows if name not in self._names]:
            part = part.append_column(name, pa.array(windows[name], from_pandas=True))
        late = int(pc.sum(queries.column("late")).as_py() or 0)
        return in_plan_order(self._plan, part, windows), late, uncast

    def _history(self, queries: pa.Table, slices: Sequence[str]) -> dict[Series, pa.Table]:
        """Per series, closed buckets before the oldest query's bucket and raw rows from there on.

        One read of each kind of file serves all series; it reads only the keys in *queries*.
        """
        asked = queries.filter(pc.invert(queries.column("late")))
        if not asked.num_rows or not slices:
            return dict.fromkeys(self._series, HISTORY.empty_table())
        times = asked.column("time").to_numpy()
        oldest, newest = times.min(keepdims=True), int(times.max())
        reaches: dict[str, list[pa.Table]] = {"sums": [], "raw": []}
        for index, series in enumerate(self._series):
            keys = asked.column(key_column(series)).unique()
            closed = int(series.bucket_start(oldest)[0])
            reaches["sums"].append(_reach(index, keys, closed - series.over_us, closed))
            reaches["raw"].append(_reach(index, keys, closed, newest))
        found = pa.concat_tables(
            self._read(kind, slices, pa.concat_tables(parts)) for kind, parts in reaches.items()
        )
        return {
            series: found.filter(pc.equal(found["series"], index))
            .select(HISTORY.names)
            .cast(HISTORY)
            for index, series in enumerate(self._series)
        }

    def _read(self, kind: str, slices: Sequence[str], asked: pa.Table) -> pa.Table:
        return self._query(
            f"SELECT {', '.join(_STORED.names)} FROM read_parquet([{self._files(kind, slices)}])"  # noqa: S608
            " JOIN asked USING (series, key) WHERE time >= since AND time < until"
            " ORDER BY series, key, time, value",
            asked,
        ).cast(_STORED)

    def _compact(self, slices: Sequence[str], watermark: datetime) -> str:
        """Merge *slices* into one, without the history that no later event can look back to."""
        first, last = unsealed(slices[0]), unsealed(slices[-1])
        name = f"{first.split('-')[0]}-{last.split('-')[1]}"
        whole = []
        oldest = np.array([micros(watermark - self._plan.lag)], dtype=np.int64)
        for kind in SLICE:
            reaches = [
                int(s.bucket_start(oldest)[0]) - (s.over_us if kind == "sums" else 0)
                for s in self._series
            ]
            cuts = pa.table({"series": pa.array(range(len(reaches)), pa.int32()), "cut": reaches})
            columns, files = ", ".join(HISTORY.names), self._files(kind, slices)
            kept = self._query(
                f"SELECT series, {columns} FROM read_parquet([{files}])"  # noqa: S608
                " JOIN asked USING (series) WHERE time >= cut ORDER BY series, key, time, value",
                cuts,
            ).cast(_STORED)
            history = [_of_series(kept, index) for index in range(len(self._series))]
            if kind == "sums":
                history = [closed_buckets(s, h) for s, h in zip(self._series, history, strict=True)]
            whole.append(_stacked(history))
        return self._slices.write(whole, name)

    def _files(self, kind: str, slices: Sequence[str]) -> str:
        return ", ".join(literal(str(self._slices.checked(kind, name))) for name in slices)

    def _query(self, sql: str, asked: pa.Table) -> pa.Table:  # noqa: ARG002 - read by name
        try:
            return self._engine.sql(sql).to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise StateError(
                f"the window state in {self._slices.folder} needs more memory or disk to be read"
                f" than there is: {first_line(error)}",
                hint="free some disk space and memory, then try again; nothing is lost",
            ) from error
        except duckdb.Error as error:
            raise self._slices.damaged(first_line(error)) from error

    def _pending(self, state: StateFiles, schema: pa.Schema) -> pa.Table:
        if state.pending is None:
            return schema.empty_table()
        name = state.pending.removeprefix(f"{PENDING}-").removesuffix(".parquet")
        try:
            return self._waiting.read(PENDING, name).select(schema.names)
        except KeyError as error:
            raise self._waiting.damaged(f"{state.pending} lacks the field {error}") from error

    def _keep_pending(self, rest: pa.Table, name: str) -> str | None:
        if not rest.num_rows:
            return None
        (path,) = self._waiting.paths(self._waiting.write([rest], name))
        return path.name


def waiting_events(folder: Path, pending: str) -> pa.Table:
    """``event_id`` and ``event_time`` of the events that wait in the file *pending* of *folder*.

    Raises:
        StateError: the file is missing or damaged.
    """
    name = pending.removeprefix(f"{PENDING}-").removesuffix(".parquet")
    return StateFolder(folder, (PENDING,)).read(PENDING, name).select(["event_id", "event_time"])


def _of_series(stored: pa.Table, index: int) -> pa.Table:
    return stored.filter(pc.equal(stored["series"], index)).select(HISTORY.names).cast(HISTORY)


def _reach(series: int, keys: pa.ChunkedArray, since: int, until: int) -> pa.Table:
    columns = [pa.repeat(pa.scalar(n), len(keys)) for n in (series, since, until)]
    return pa.table([*columns, keys], names=["series", "since", "until", "key"])


def _stacked(tables: Sequence[pa.Table]) -> pa.Table:
    parts = [
        table.add_column(0, _SERIES, pa.repeat(pa.scalar(i, pa.int32()), table.num_rows))
        for i, table in enumerate(tables)
    ]
    return pa.concat_tables([_STORED.empty_table(), *parts])


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(map(flat, table.columns)), schema=table.schema)


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIME)
