"""Whatever a histogram says, chunks and slices cover a window once, in order."""

from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.reading.cuts import Clock, cut, quantiles
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.point_in_time import PointInTime

MS = 1_000


class Events:
    """A point in time over events at some milliseconds, as a server counts them."""

    def __init__(self, times: list[int], undated: list[int], lag: int) -> None:
        self.times, self.undated, self.lag = np.array(times), np.array(undated), lag
        self.asked = 0

    def aggregate(self, query: dict[str, Any], aggregations: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        assert self.asked < 1_000  # it comes to an end
        [should] = [f for f in query["bool"]["filter"] if "bool" in f]
        bounds = next(iter(should["bool"]["should"][0]["range"].values()))
        since, until = bounds["gte"], bounds["lt"]
        found: dict[str, Any] = {}
        total = 0
        for name, times, shift in (("known", self.times, 0), ("undated", self.undated, self.lag)):
            spec = aggregations.get(name, {})
            histogram = spec.get("aggs", {}).get("of", spec).get("date_histogram")
            if histogram is None:
                continue
            step = int(histogram["fixed_interval"].removesuffix("ms"))
            inside = times[(times >= since - shift) & (times < until - shift)]
            starts, counts = np.unique(inside // step * step, return_counts=True)
            buckets = [
                {"key": int(k), "doc_count": int(n)} for k, n in zip(starts, counts, strict=True)
            ]
            found[name] = {"buckets": buckets} if name == "known" else {"of": {"buckets": buckets}}
            total += len(inside)
        return {**found, "total": total}


def clock(lag: int) -> Clock:
    selection = Selection.of({"index": "events"})
    return Clock(selection=selection, lag=timedelta(milliseconds=lag))


TIMES = st.lists(st.integers(0, 100_000) | st.sampled_from([7, 500, 501, 99_999]), max_size=200)


@given(
    TIMES, TIMES, st.integers(0, 90_000_000), st.integers(0, 40_000_000),
    st.integers(1, 50), st.integers(0, 5_000),
)  # fmt: skip
def test_chunks_cover_the_window_once_and_hold_no_more_than_they_should(
    times: list[int], undated: list[int], since: int, long: int, rows: int, lag: int
) -> None:
    events = Events(times, undated, lag)
    until = since + long
    cuts = cut(cast("PointInTime", events), clock(lag), since, until, rows)
    assert (cuts[0], cuts[-1]) == (since, until)
    assert cuts == sorted(cuts)
    assert all(a < b for a, b in pairwise(cuts)) or since == until
    every = np.concatenate([events.times, events.undated + lag]) * MS
    for a, b in pairwise(cuts):
        held = every[(every >= a) & (every < b)]
        # More than asked for only where all are of few milliseconds, which histograms tell apart.
        assert len(held) <= 2 * rows or np.ptp(held) <= 2 * MS


@given(TIMES, st.integers(0, 90_000_000), st.integers(0, 40_000_000), st.integers(1, 9))
def test_slices_cover_the_window_once_in_as_many_parts_as_asked(
    times: list[int], since: int, long: int, parts: int
) -> None:
    events = Events(times, [], 0)
    cuts = quantiles(cast("PointInTime", events), clock(0), since, since + long, parts)
    assert len(cuts) == parts + 1
    assert (cuts[0], cuts[-1]) == (since, since + long)
    assert cuts == sorted(cuts)
