"""Refuses window features whose state would not fit: one entry for each key of a window's length.

A ``by`` whose values hardly come again, a flow or a session say, tells nothing about the next event
and makes the state as large as the events themselves.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import DataError
from scoreback.models.detector import WindowFeature
from scoreback.models.quantities import format_duration
from scoreback.models.windows import Series, series_of

MAX_KEYS = 2_000_000  # of one series within the length of its window: some gigabytes of state


def refuse_too_many_keys(
    series: Series, history: pa.Table, features: Sequence[WindowFeature]
) -> None:
    """Check the raw *history* of *series*, rows of `windows.HISTORY`, before windows are computed.

    Keys are counted within spans as long as the window, and the busiest span counts; where a
    feature tells values apart, each value of a key is one.

    Raises:
        DataError: names the feature, the keys and what to do.
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
        feature = next(f for f in features if series_of(f) == series)
        over = format_duration(feature.over)
        raise DataError(
            f"feature {feature.name!r}: {keys:,} keys of {', '.join(series.by)} within {over} do"
            f" not fit; at most {MAX_KEYS:,} do",
            hint="choose a `by` whose values come again, or a shorter `over`",
        )
