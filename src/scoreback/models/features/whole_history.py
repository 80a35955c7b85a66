"""Feature rows of a whole history at once, for training."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.features.history import WindowQueries, all_series, history_of
from scoreback.models.features.key_cap import refuse_too_many_keys
from scoreback.models.features.told import field_column
from scoreback.models.features.windows import window_columns
from scoreback.records import EventBatch

IDENTITY = ("event_id", "event_ref", "event_time", "arrival_time")


@dataclass(frozen=True, slots=True)
class History:
    """Feature rows of a history, and counts of its irregular events."""

    rows: pa.Table  # IDENTITY, the requested fields as text, then one column per feature
    late: int  # events without windows, because they are late
    uncast: Mapping[str, int]  # feature → number of unreadable values
    ungrouped: int = 0  # events with none of the fields that units are grouped by


def feature_rows(
    plan: FeaturePlan,
    batches: Iterable[EventBatch],
    *,
    since: datetime,
    fields: tuple[str, ...] = (),
    progress: Callable[[int], None] | None = None,
    holding: Callable[[int], None] | None = None,
) -> History:
    """Compute every feature of *plan* for the events of *batches*.

    Args:
        plan: the features.
        batches: events in any order, starting `history.reach` before *since* for full windows.
        since: events with an earlier event time are history only and give no rows.
        fields: event fields to carry along, as text.
        progress: called with the number of events of each batch.
        holding: called after each batch with the bytes held so far; the features then take several
            times as much. It may raise to stop the reading.

    Raises:
        DataError: the keys of a window feature would not fit.
    """
    events, queries = EventFeatures(plan), WindowQueries(plan)
    parts: list[pa.Table] = []
    asked: list[pa.Table] = []
    uncast: dict[str, int] = {}
    held = 0
    try:
        for batch in batches:
            part, problems = event_part(events, batch, fields)
            parts.append(part)
            asked.append(queries.of(batch))
            for name, count in problems.items():
                uncast[name] = uncast.get(name, 0) + count
            held += parts[-1].nbytes + asked[-1].nbytes
            if holding:
                holding(held)
            if progress:
                progress(batch.num_rows)
    finally:
        events.close()
        queries.close()
    if not parts:
        return History(pa.table({}), 0, {})
    table, all_queries = pa.concat_tables(parts), pa.concat_tables(asked)
    past = {series: history_of(series, all_queries) for series in all_series(plan)}
    for series, history in past.items():
        refuse_too_many_keys(series, history, plan.window_features)
    rows = in_plan_order(plan, table, window_columns(plan.window_features, all_queries, past))
    wanted = pc.greater_equal(rows.column("event_time"), pa.scalar(since, rows["event_time"].type))
    late = int(pc.sum(pc.and_(wanted, all_queries.column("late"))).as_py() or 0)
    return History(rows.filter(wanted), late, uncast)


def event_part(
    engine: EventFeatures, batch: EventBatch, fields: tuple[str, ...]
) -> tuple[pa.Table, Mapping[str, int]]:
    """Identity columns, *fields* and event features of one batch, and its unreadable values."""
    features = engine.rows(batch)
    part = pa.table([batch.batch.column(name) for name in IDENTITY], names=list(IDENTITY))
    for name in fields:
        part = part.append_column(field_column(name), batch.batch.column(name))
    for name in features.table.column_names:
        part = part.append_column(name, features.table.column(name))
    return part, features.uncast


def in_plan_order(plan: FeaturePlan, part: pa.Table, windows: Mapping[str, np.ndarray]) -> pa.Table:
    """*part* with the *windows* added and all feature columns in the order of the plan."""
    names = [f.name for f in plan.features]
    carried = [name for name in part.column_names if name not in names]
    table = part.select(carried)
    for name in names:
        if name in windows:
            table = table.append_column(name, pa.array(windows[name], from_pandas=True))
        else:
            table = table.append_column(name, part.column(name))
    return table
