"""Window features: counts, distinct values, rarity, sums, means and gaps over earlier events.

The definition. For an event at time t, a window feature looks at the on-time events that share its
``by`` value and whose event time lies in ``[b(t) - over, t)``, where b rounds down to a bucket of a
sixtieth of ``over`` (at least one second). Equal times are excluded. An event that arrived later
than its event time + ``lag`` is late: its own windows are missing, and it is nobody's history.

So the far edge lies on the bucket grid, where sums can replace closed buckets, and the near edge is
exact. History rows therefore carry a weight: a raw event weighs one, a closed bucket has the time
of its start and carries its sums. Training passes raw rows only, scoring passes sums and a raw
tail, and both go through `window_columns`, so that they compute the same values.

Each feature is a difference of prefix sums between two positions in history sorted by key and time,
found by binary search; the cost is O(n log n) however the keys are distributed (one hot key is just
a longer run), and integers keep it exact. Distinct values count a row in those windows in which it
is the last of its value: a range of consecutive queries, again found by binary search.

An event whose field has several values gives one row of history for each of them, so that
``distinct`` counts each; its ``rarity`` is that of the rarest. Its key is the set of key values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.detector.spec import WindowFeature
from scoreback.models.features.several_values import each_value
from scoreback.models.features.told import times_column
from scoreback.times import span

BUCKETS = 60  # buckets in a window
MIN_BUCKET_US = 1_000_000
SCALE = 1000  # sums are kept in thousandths, as integers
SUM_LIMIT = 9e15  # sums treat larger values as missing: their thousandths do not fit 64 bits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# The history of one series; scoring stores it as segments with one row per key and bucket.
HISTORY = pa.schema(
    [
        pa.field("time", pa.int64(), nullable=False),  # µs: of the event, or the bucket's start
        pa.field("key", pa.string(), nullable=False),
        pa.field("value", pa.string()),  # values series only
        pa.field("events", pa.int64(), nullable=False),
        pa.field("numbers", pa.int64(), nullable=False),  # events with a readable number
        pa.field("high", pa.int64(), nullable=False),  # sum of thousandths >> 32 …
        pa.field("low", pa.int64(), nullable=False),  # … and of their low 32 bits
        pa.field("last", pa.int64(), nullable=False),  # latest event time, µs
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """A history that several features can share: the same key, reach and kind of rows."""

    by: tuple[str, ...]
    over_us: int
    shape: Literal["keys", "values", "numbers"]
    field: str  # "" for keys
    take: str = ""  # which of several numbers, if not the first

    @property
    def bucket_us(self) -> int:
        """Width of a bucket in microseconds."""
        return max(MIN_BUCKET_US, self.over_us // BUCKETS)

    @property
    def name(self) -> str:
        """A name that must never change: state segments are stored under it."""
        parts = [",".join(self.by), str(self.over_us), self.shape, self.field]
        return "|".join(parts + [self.take] * bool(self.take))

    def bucket_start(self, times: Ints) -> Ints:
        """*times* rounded down to the bucket grid, µs."""
        return np.asarray(times // self.bucket_us * self.bucket_us, dtype=np.int64)


def series_of(feature: WindowFeature) -> Series:
    """The series that *feature* reads."""
    over = span(feature.over)
    match feature.kind:
        case "count" | "since_last":
            return Series(feature.by, over, "keys", "")
        case "distinct" | "rarity":
            return Series(feature.by, over, "values", feature.field or "")
        case "sum" | "mean":
            take = "" if feature.take == "first" else feature.take
            return Series(feature.by, over, "numbers", feature.field or "", take)


def window_columns(
    features: tuple[WindowFeature, ...],
    queries: pa.Table,
    history: Mapping[Series, pa.Table],
    *,
    told: bool = False,
) -> dict[str, Floats]:
    """The value of each window feature for each query.

    Args:
        features: what to compute.
        queries: one row per event: ``time`` (µs int64), ``late`` (bool), and for each series the
            column `key_column` and, by shape, `value_column` or `number_column`; in any order.
        history: for each series of *features*, rows of `HISTORY`, in any order.
        told: also give the counts behind each rarity, in `told.times_column`.

    Returns:
        Feature name → float64 array of the queries' length; NaN where the event is late, its key
        is absent, or the feature is undefined.
    """
    columns: dict[str, Floats] = {}
    names = [feature.name for feature in features]
    by_series: dict[Series, list[WindowFeature]] = {}
    for feature in features:
        by_series.setdefault(series_of(feature), []).append(feature)
    for series, wanted in by_series.items():
        frame = _Frame(series, queries, history[series])
        for feature in wanted:
            columns[feature.name] = frame.column(feature.kind)
            if told and feature.kind == "rarity":
                columns.setdefault(times_column(feature), frame.column("times"))
    beside = {name: column for name, column in columns.items() if name not in names}
    return {name: columns[name] for name in names} | beside


def key_column(series: Series) -> str:
    """Name of the query column that holds the series' key."""
    return "key:" + ",".join(series.by)


def value_column(series: Series) -> str:
    """Name of the query column that holds the series' field as text: the set of its values."""
    return "value:" + series.field


def number_column(series: Series) -> str:
    """Name of the query column that holds the series' field in thousandths, int64."""
    return f"{series.take}number:{series.field}"


class _Frame:
    """History and queries of one series, coded and sorted by (key, time)."""

    def __init__(self, series: Series, queries: pa.Table, history: pa.Table) -> None:
        self._series = series
        self._rows = queries.num_rows
        keys = queries.column(key_column(series))
        asked = np.flatnonzero(
            ~queries.column("late").to_numpy() & pc.is_valid(keys).to_numpy()
        ).astype(np.int64)
        history_keys, query_keys = _codes(history.column("key"), keys.take(pa.array(asked)))
        time = queries.column("time").to_numpy()[asked]
        order = np.lexsort((time, query_keys))
        self._asked = asked[order]
        self._time = time[order]
        self._keys = query_keys[order]
        past = history.column("time").to_numpy()
        by_time = np.lexsort((past, history_keys))
        self._past_keys, self._past = history_keys[by_time], past[by_time]
        self._history = history.take(pa.array(by_time))
        self._queries = queries
        self._left, self._right = self._bounds(self._past_keys, self._past, self._keys, self._time)

    def column(self, kind: str) -> Floats:
        values: Floats = getattr(self, f"_{kind}")()
        column = np.full(self._rows, np.nan)
        column[self._asked] = values
        return column

    def _bounds(self, past_keys: Ints, past: Ints, keys: Ints, time: Ints) -> tuple[Ints, Ints]:
        """For each key and time, the first position inside the window and the first after it."""
        since = self._series.bucket_start(time) - self._series.over_us
        ranks = np.unique(np.concatenate((past, since, time)))
        size = len(ranks) + 1

        def place(codes: Ints, moments: Ints) -> Ints:
            return codes * size + np.searchsorted(ranks, moments)

        line = place(past_keys, past)
        return (
            np.searchsorted(line, place(keys, since)).astype(np.int64),
            np.searchsorted(line, place(keys, time)).astype(np.int64),
        )

    def _sums(self, column: str) -> Ints:
        """Exact sums of an integer column over each window (differences survive wrap-around)."""
        prefix = np.concatenate(([0], np.cumsum(self._history.column(column).to_numpy())))
        return np.asarray(prefix[self._right] - prefix[self._left], dtype=np.int64)

    def _count(self) -> Floats:
        return self._sums("events").astype(np.float64)

    def _since_last(self) -> Floats:
        if not len(self._past):
            return np.full(len(self._time), np.nan)
        last = self._history.column("last").to_numpy()
        # A bucket has several sums if it was read in several slices.
        by_last = np.lexsort((last, self._past, self._past_keys))
        last = last[by_last][np.maximum(self._right - 1, 0)]
        seconds = (self._time - last) / 1e6
        return np.where(self._right > self._left, seconds, np.nan)

    def _sum(self) -> Floats:
        high, low = self._sums("high"), self._sums("low")
        return (high.astype(np.float64) * 2.0**32 + low.astype(np.float64)) / SCALE

    def _mean(self) -> Floats:
        numbers = self._sums("numbers").astype(np.float64)
        mean: Floats = np.full(len(numbers), np.nan)
        np.divide(self._sum(), numbers, out=mean, where=numbers > 0)
        return mean

    def _distinct(self) -> Floats:
        pairs = self._past_keys * self._value_count + self._past_values
        following = _next_equal(pairs)
        position = np.arange(len(pairs), dtype=np.int64)
        # Row i is the last of its value for the queries whose window reaches past it (right > i),
        # does not reach its successor (right <= following), and still holds it (left <= i).
        first = np.searchsorted(self._right, position, side="right")
        last = np.minimum(
            np.searchsorted(self._right, following, side="right"),
            np.searchsorted(self._left, position, side="right"),
        )
        counts = last > first
        steps = np.bincount(first[counts], minlength=len(self._time) + 1)
        steps = steps - np.bincount(last[counts], minlength=len(self._time) + 1)
        return np.cumsum(steps)[: len(self._time)].astype(np.float64)

    def _rarity(self) -> Floats:
        """``log2((n + 1) / (m + 1))``: of the n earlier values of the key, m equal this one."""
        return np.log2((self._count() + 1) / (self._fewest + 1))

    def _times(self) -> Floats:
        """How many earlier events had the value, or the rarest of several values."""
        return self._fewest

    @cached_property
    def _fewest(self) -> Floats:
        pairs = self._past_keys * self._value_count + self._past_values
        by_pair = np.argsort(pairs, kind="stable")
        rows, values = self._asked_values
        asked = self._keys[rows] * self._value_count + values
        left, right = self._bounds(pairs[by_pair], self._past[by_pair], asked, self._time[rows])
        events = self._history.column("events").to_numpy()[by_pair]
        prefix = np.concatenate(([0], np.cumsum(events)))
        fewest = np.full(len(self._time), np.inf)
        np.minimum.at(fewest, rows, (prefix[right] - prefix[left]).astype(np.float64))
        return np.where(np.isfinite(fewest), fewest, np.nan)

    @cached_property
    def _value_count(self) -> int:
        return (
            int(max(self._past_values.max(initial=-1), self._coded_values[1].max(initial=-1))) + 1
        )

    @property
    def _past_values(self) -> Ints:
        return self._coded_values[0]

    @property
    def _asked_values(self) -> tuple[Ints, Ints]:
        """The position of its query for each value, and the value's code."""
        rows, codes = self._asked_rows, self._coded_values[1]
        known = codes >= 0
        return (rows, codes) if known.all() else (rows[known], codes[known])

    @cached_property
    def _asked_rows(self) -> Ints:
        return np.asarray(self._asked_texts.column("row").to_numpy(), dtype=np.int64)

    @cached_property
    def _asked_texts(self) -> pa.Table:
        texts = self._queries.column(value_column(self._series)).take(pa.array(self._asked))
        rows = pa.table({"row": np.arange(len(texts)), "value": texts})
        return each_value(rows, "value")

    @cached_property
    def _coded_values(self) -> tuple[Ints, Ints]:
        return _codes(self._history.column("value"), self._asked_texts.column("value"))


def _codes(first: pa.ChunkedArray, second: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Integer codes that are equal for equal texts in both columns; -1 for null."""
    both = pa.chunked_array([*first.chunks, *second.chunks], type=pa.string())
    indices = both.combine_chunks().dictionary_encode()
    if isinstance(indices, pa.ChunkedArray):  # an empty input stays chunked
        indices = indices.combine_chunks()
    codes = pc.fill_null(indices.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes[: len(first)], codes[len(first) :]


def _next_equal(codes: Ints) -> Ints:
    """For each position the next one with the same code, or the length if there is none."""
    order = np.argsort(codes, kind="stable")
    following = np.full(len(codes), len(codes), dtype=np.int64)
    same = codes[order][1:] == codes[order][:-1]
    following[order[:-1][same]] = order[1:][same]
    return following
