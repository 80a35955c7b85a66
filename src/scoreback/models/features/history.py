"""Turns events into the input of window features: queries, raw history, and closed buckets."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.engine import open_engine
from scoreback.models.features.event_features import FeaturePlan, number_of
from scoreback.models.features.several_values import FIRST, KEY, VALUES, FieldReader, each_value
from scoreback.models.features.windows import (
    HISTORY,
    SCALE,
    SUM_LIMIT,
    Series,
    key_column,
    number_column,
    series_of,
    value_column,
)
from scoreback.records import EventBatch
from scoreback.sql import identifier

_LOW_BITS = (1 << 32) - 1


def all_series(plan: FeaturePlan) -> tuple[Series, ...]:
    """The distinct series that the windows of *plan* read, sorted."""
    return tuple(sorted({series_of(f) for f in plan.window_features}))


def reach(plan: FeaturePlan) -> timedelta:
    """How far before an event its windows can look: the longest ``over`` and one bucket."""
    longest = max((s.over_us + s.bucket_us for s in all_series(plan)), default=0)
    return timedelta(microseconds=longest)


class WindowQueries:
    """Turns events into window queries; holds one in-memory engine for all batches."""

    def __init__(self, plan: FeaturePlan) -> None:
        """Prepare the one query that computes keys and values for *plan*."""
        self._lag = pa.scalar(plan.lag, pa.duration("us"))
        self._series = all_series(plan)

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """The engine, opened for the first window: opening costs as much as thousands of events."""
        return open_engine("1GB", threads=1)

    def of(self, events: EventBatch) -> pa.Table:
        """One row per event, in their order, with the columns of `windows.window_columns`."""
        reader = FieldReader(events.batch)
        columns = dict(_columns(self._series, reader))
        batch = reader.batch  # the query reads it by name
        delay = pc.subtract(batch["arrival_time"], batch["event_time"])
        found = pa.table({
            "time": batch["event_time"].cast(pa.int64()), "late": pc.greater(delay, self._lag),
        })  # fmt: skip
        if columns:
            select = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in columns.items())
            keys = self._engine.sql(f"SELECT {select} FROM batch").to_arrow_table()  # noqa: S608 - quoted
            for name in keys.column_names:
                found = found.append_column(name, keys[name])
        return found

    def close(self) -> None:
        """Close the engine."""
        if "_engine" in self.__dict__:
            self._engine.close()


def history_of(series: Series, queries: pa.Table) -> pa.Table:
    """The on-time events among *queries* as raw history rows (`HISTORY`)."""
    wanted = pc.and_(pc.invert(queries.column("late")), pc.is_valid(queries[key_column(series)]))
    if series.shape == "values":
        wanted = pc.and_(wanted, pc.is_valid(queries.column(value_column(series))))
    rows = queries.filter(wanted)
    if series.shape == "values":
        rows = each_value(rows, value_column(series))
    count = rows.num_rows
    ones, zeros = (
        pa.repeat(pa.scalar(1, pa.int64()), count),
        pa.repeat(pa.scalar(0, pa.int64()), count),
    )
    value: pa.Array | pa.ChunkedArray = pa.nulls(count, pa.string())
    numbers, high, low = zeros, zeros, zeros
    if series.shape == "values":
        value = rows.column(value_column(series))
    if series.shape == "numbers":
        given = rows.column(number_column(series))
        numbers = pc.cast(pc.is_valid(given), pa.int64())
        known = pc.fill_null(given, 0)
        high, low = pc.shift_right(known, 32), pc.bit_wise_and(known, _LOW_BITS)
    time = rows.column("time")
    return pa.table(
        [time, rows.column(key_column(series)), value, ones, numbers, high, low, time],
        schema=HISTORY,
    )


def closed_buckets(series: Series, history: pa.Table) -> pa.Table:
    """*history* summed up by key, value and bucket, sorted; summing sums again changes nothing."""
    starts = pa.array(series.bucket_start(history.column("time").to_numpy()))
    table = history.set_column(0, HISTORY.field("time"), starts)
    grouped = table.group_by(["time", "key", "value"], use_threads=False).aggregate(
        [(name, "sum") for name in ("events", "numbers", "high", "low")] + [("last", "max")]
    )
    columns = [
        grouped.column(name)
        for name in ("time", "key", "value", "events_sum", "numbers_sum", "high_sum", "low_sum",
                     "last_max")
    ]  # fmt: skip
    summed = pa.table(columns, schema=HISTORY)
    return summed.sort_by([(name, "ascending") for name in ("key", "time", "value")])


def _columns(series: Iterable[Series], reader: FieldReader) -> Iterator[tuple[str, str]]:
    """Names and SQL expressions of the columns that *series* need from a batch."""
    for one in series:
        yield key_column(one), _key([reader.column(name, KEY) for name in one.by])
        if one.shape == "values":
            yield value_column(one), f"nullif({identifier(reader.column(one.field, KEY))}, '')"
        elif one.shape == "numbers":
            field = reader.column(one.field, VALUES if one.take else FIRST)
            number = number_of(field, reader.batch, one.take)
            whole = f"round({number} * {SCALE})::BIGINT"
            yield number_column(one), f"CASE WHEN abs({number}) <= {SUM_LIMIT} THEN {whole} END"


def _key(by: Sequence[str]) -> str:
    """SQL for a key of several columns: each prefixed by its length, null if any is absent."""
    if len(by) == 1:
        return f"nullif({identifier(by[0])}, '')"
    parts = (f"length(nullif({identifier(f)}, '')) || ':' || {identifier(f)}" for f in by)
    return " || ".join(parts)
