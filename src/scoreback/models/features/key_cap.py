"""Refuses window features whose state would not fit: it has an entry for each key in the window.

A ``by`` whose values rarely recur, such as a flow or session id, says nothing about the next event
and makes the state as large as the events themselves.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import DataError
from scoreback.models.detector.quantities import format_duration
from scoreback.models.detector.spec import WindowFeature
from scoreback.models.features.several_values import each_value
from scoreback.models.features.windows import Series, key_column, series_of, value_column
from scoreback.times import span

MAX_KEYS = 2_000_000  # of one series within its window's length: a few gigabytes of state
REMEDY = "choose a `by` whose values come again, or a shorter `over`"


def refuse_too_many_keys(
    series: Series, history: pa.Table, features: Sequence[WindowFeature]
) -> None:
    """Check the raw *history* of *series*, rows of `windows.HISTORY`, before windows are computed.

    Keys are counted within spans as long as the window, and the busiest span decides. For a
    feature that distinguishes values, each value of a key counts.

    Raises:
        DataError: there are more than `MAX_KEYS`.
    """
    if history.num_rows <= MAX_KEYS:
        return
    span = pc.divide(history.column("time"), series.over_us)
    named = pa.table({"span": span, "key": history["key"], "value": history["value"]})
    differing = named.group_by(["span", "key", "value"]).aggregate([])
    keys = int(
        pc.max(differing.group_by("span").aggregate([([], "count_all")])["count_all"]).as_py()
    )
    if keys > MAX_KEYS:
        raise DataError(f"{too_many(series, features, f'{keys:,}')}", hint=REMEDY)


def too_many(series: Series, features: Sequence[WindowFeature], keys: str) -> str:
    """The error message, about the first of *features* that reads *series*."""
    feature = next(f for f in features if series_of(f) == series)
    return (
        f"feature {feature.name!r}: {keys} keys of {', '.join(series.by)} within"
        f" {format_duration(feature.over)} do not fit; at most {MAX_KEYS:,} do"
    )


def estimated_keys(series: Series, stretch: pa.Table) -> float:
    """Estimate how many keys of *series* its window will hold, from a *stretch* of events.

    The number of keys grows as a power of the number of events (Heaps' law); the power is fitted
    to the second half of the stretch. The estimate is close for keys that always recur and for
    keys that never do; in between it may be several times off.

    Args:
        series: the series whose state is estimated.
        stretch: queries of `history.WindowQueries` for consecutive events.
    """
    names = [key_column(series)] + [value_column(series)] * (series.shape == "values")
    keyed = stretch.select(["time", *names]).drop_null()
    if series.shape == "values":
        keyed = each_value(keyed, value_column(series))
    rows = keyed.num_rows
    if rows < 2:
        return float(rows)
    half, whole = (_differing(keyed.slice(0, n).select(names)) for n in (rows // 2, rows))
    times = pc.min_max(keyed["time"]).as_py()
    took = max(times["max"] - times["min"], span(timedelta(seconds=1)))
    more = max(series.over_us / took, 1.0)  # times as many events as the stretch
    power = min(math.log(whole / half) / math.log(rows / (rows // 2)), 1.0)
    return float(whole * more**power)


def _differing(keys: pa.Table) -> int:
    return int(keys.group_by(keys.column_names).aggregate([]).num_rows)
