"""However batches come, steps give each event once and never part those of one arrival time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.records import TIME
from scoreback.service.scoring import cutter as module
from scoreback.service.scoring.cutter import Cut, Cutter

T = datetime(2026, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def events(seconds: Sequence[int], first: int = 0) -> pa.Table:
    ids = [f"e{first + i}" for i in range(len(seconds))]
    times = pa.array([T + second * SECOND for second in seconds], TIME)
    return pa.table({"event_id": ids, "arrival_time": times})


@given(
    arrivals=st.lists(st.integers(0, 12), max_size=60).map(sorted),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    rows=st.integers(1, 20),
)
def test_steps_follow_each_other_and_hold_each_event_once_within_bounds(
    arrivals: list[int], sizes: list[int], rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEP_ROWS", rows)
        cutter, cuts, fed = Cutter(T - SECOND), list[Cut](), 0
        while fed < len(arrivals):
            size = sizes[len(cuts) % len(sizes)]
            cut = cutter.feed(events(arrivals[fed : fed + size], fed))
            fed = min(fed + size, len(arrivals))
            cuts += [cut] if cut else []
            same = max(arrivals.count(second) for second in set(arrivals))
            assert cutter.held < rows + same  # the newest time, whole, may be held beside
        cuts.append(cutter.last())
    assert [cut.last for cut in cuts] == [False] * (len(cuts) - 1) + [True]
    since, found = T - SECOND, list[str]()
    for cut in cuts:
        assert cut.window.since == since
        since = cut.window.until
        if cut.events is None:
            assert cut.last
            continue
        found += cut.events["event_id"].to_pylist()
        for arrival in cut.events["arrival_time"].to_pylist():
            assert cut.window.since <= arrival < cut.window.until
    assert found == [f"e{i}" for i in range(len(arrivals))]


def test_the_last_step_ends_just_after_the_last_arrival_and_nothing_moves_no_time() -> None:
    cutter = Cutter(T)
    assert cutter.last().window.until == T
    cutter.feed(events([5]))
    assert cutter.last().window.until == T + 5 * SECOND + timedelta(microseconds=1)
