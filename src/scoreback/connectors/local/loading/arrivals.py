"""Decides when loaded events arrived: never in a time that scoring has read already.

An export without a column of arrival times counts as a recording: each event arrived at its own
time. Scoring reads each arrival time once, so it would never score an event that is loaded after
its arrival time was read. Such an event counts as arrived right after what scoring has read,
because that is the earliest time at which scoring can see it. Events older than the first score are
history: training uses them and nothing scores them, so they keep their time.

Where an export names its events' arrival times, those are kept; events that arrive too late to be
scored are counted.
"""

import fnmatch
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from scoreback.columns import flat
from scoreback.connectors.doors.intake import Scored
from scoreback.records import TIME
from scoreback.times import micros

# Scoring takes all events of one arrival time in one step: few enough to fit into memory.
SHARE_A_TIME = 1_000


class Arrivals:
    """Moves, or counts, the events of one load whose arrival time scoring has already read."""

    def __init__(self, stream: str, scored: Iterable[Scored], *, move: bool) -> None:
        """Take what was *scored* of *stream*; *move* events out of it, or only count them."""
        spans = [
            (micros(one.since), micros(one.until))
            for one in scored
            if one.since < one.until and _selects(one.selection, stream)
        ]
        self._spans = _joined(spans)
        self._move = move
        self.behind = 0

    def of(self, events: pa.Table) -> pa.Table:
        """*events* with their final arrival times."""
        if not self._spans:
            return events
        times = flat(events.column("arrival_time")).cast(pa.int64()).to_numpy()
        begins, ends = np.array(self._spans, dtype=np.int64).T
        place = np.searchsorted(begins, times, side="right") - 1
        behind = (place >= 0) & (times < ends[place])
        count = int(behind.sum())
        if count and self._move:
            number = self.behind + np.arange(count)
            times = times.copy()
            times[behind] = ends[place[behind]] + number // SHARE_A_TIME
            index = events.column_names.index("arrival_time")
            moved = pa.array(times, pa.int64()).cast(TIME)
            events = events.set_column(index, "arrival_time", moved)
        self.behind += count
        return events


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """*spans* in order, with those that overlap or touch merged; a span excludes its end."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def _selects(selection: Mapping[str, object], stream: str) -> bool:
    asked = selection.get("stream")
    patterns = asked if isinstance(asked, list | tuple) else [asked]
    return any(fnmatch.filter([stream], str(pattern)) for pattern in patterns)
