"""Cuts a window so that about equally many events are between neighbouring cuts.

A chunk between two cuts is read in any order, sorted here and yielded as a whole, so memory holds a
few chunks however long the window is. Only events of one millisecond cannot be cut apart.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.point_in_time import PointInTime

BUCKETS = 500  # buckets of a histogram; the server allows 65,536
_US = timedelta(microseconds=1)
_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The arrival times of events, in queries and aggregations."""

    selection: Selection
    lag: timedelta  # how long after its own time an event without an arrival time counts as arrived

    def query(self, since: int, until: int) -> dict[str, Any]:
        """The query for ``[since, until)``, microseconds; it may find slightly more."""
        return self.selection.on_arrival(since, until, self.lag)

    def aggregations(self, interval: int) -> dict[str, Any]:
        """Histograms of *interval* milliseconds: of arrival times, and of their stand-ins."""
        undated = {"bool": {"must_not": [{"exists": {"field": self.selection.arrival}}]}}
        of_time = {"of": _histogram(self.selection.time, interval)}
        return {
            "known": _histogram(self.selection.arrival, interval),
            "undated": {"filter": undated, "aggs": of_time},
        }

    def counted(self, found: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts of buckets in microseconds, ascending, and the number of events in each."""
        shift = self.lag // _US
        counts: dict[int, int] = {}
        for bucket in found["known"]["buckets"]:
            counts[int(bucket["key"]) * _MS] = int(bucket["doc_count"])
        for bucket in found.get("undated", {}).get("of", {}).get("buckets", []):
            start = int(bucket["key"]) * _MS + shift
            counts[start] = counts.get(start, 0) + int(bucket["doc_count"])
        starts = sorted(counts)
        return np.array(starts, np.int64), np.array([counts[s] for s in starts], np.int64)


def cut(pit: PointInTime, clock: Clock, since: int, until: int, rows: int) -> list[int]:
    """Ascending cuts in microseconds, with about *rows* events between neighbours."""
    if until <= since:
        return [since, until]
    interval = max(1, -(-(until - since) // _MS // BUCKETS))
    found = pit.aggregate(clock.query(since, until), clock.aggregations(interval))
    if found["total"] <= rows:
        return [since, until]
    starts, counts = clock.counted(found)
    cuts, held = [since], 0
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        start = min(max(start, since), until)
        if held and held + count > rows:
            _append(cuts, start)
            held = 0
        end = min(start + interval * _MS, until)
        if count > rows and interval > 1 and end > start:
            _append(cuts, start)
            for inner in cut(pit, clock, start, end, rows)[1:]:
                _append(cuts, inner)
            held = 0
        else:
            held += count
    _append(cuts, until)
    return cuts


def quantiles(pit: PointInTime, clock: Clock, since: int, until: int, parts: int) -> list[int]:
    """Cuts of ``[since, until)`` into *parts* with about equally many events, by a histogram."""
    if parts == 1 or until <= since:
        return [since, *[until] * parts]
    interval = max(1, -(-(until - since) // _MS // BUCKETS))
    found = pit.aggregate(clock.query(since, until), clock.aggregations(interval))
    starts, counts = clock.counted(found)
    if not len(starts):
        return [since + (until - since) * part // parts for part in range(parts + 1)]
    grid = np.append(starts, starts[-1] + interval * _MS)
    total = np.concatenate([[0], np.cumsum(counts)])
    inner = np.interp(np.linspace(0, total[-1], parts + 1)[1:-1], total, grid).astype(np.int64)
    return [since, *np.clip(inner, since, until).tolist(), until]


def _append(cuts: list[int], moment: int) -> None:
    if moment > cuts[-1]:
        cuts.append(moment)


def _histogram(field: str, interval: int) -> dict[str, Any]:
    of = {"field": field, "fixed_interval": f"{interval}ms", "min_doc_count": 1}
    return {"date_histogram": of}
