"""When events of an export arrived, as scoring sees it: never in what it has read already.

An export without a column of arrival times is taken for a recording: each event arrived at its own
time. Scoring reads by arrival, each time once, so an event that is loaded after that time was read
would never be scored. Such an event counts as arrived right after what has been read, which is when
it was loaded as far as scoring can tell. What is older than the beginning of scoring is history: it
is learnt from and never scored, so it stays where it is.

An export that says when its events arrived is believed; those that come too late are counted.
"""

import fnmatch
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from scoreback.columns import flat
from scoreback.connectors.doors.intake import Scored
from scoreback.records import TIME
from scoreback.times import micros

# Events that share an arrival time are scored in one step: few enough to be held in memory.
SHARE_A_TIME = 1_000


class Arrivals:
    """Moves, or counts, the events of one load that arrived in what scoring has read."""

    def __init__(self, stream: str, scored: Iterable[Scored], *, move: bool) -> None:
        """Look at what was *scored* of *stream*; *move* events out of it, or only count them."""
        spans = [
            (micros(one.since), micros(one.until))
            for one in scored
            if one.since < one.until and _selects(one.selection, stream)
        ]
        self._spans = _joined(spans)
        self._move = move
        self.behind = 0

    def of(self, events: pa.Table) -> pa.Table:
        """*events* with the arrival times that count."""
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
    """*spans* in order, those that overlap or touch as one: its end lies in none of them."""
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
