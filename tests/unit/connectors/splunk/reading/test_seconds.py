"""Index times are whole seconds; events count as arrived at the ends of theirs."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk.reading.events import Events, _events, _seconds
from scoreback.records import TimeWindow
from scoreback.times import moment

START = datetime(2026, 3, 1, tzinfo=UTC)
BASE = int(START.timestamp())


def rows(arrivals: list[int]) -> pa.Table:
    return pa.table(
        {
            Events.ID: [f"e{n}" for n in range(len(arrivals))],
            Events.TIME: [f"{a}.5" for a in arrivals],
            Events.ARRIVAL: [str(a) for a in arrivals],
        }
    )


def test_what_a_search_gives_beyond_its_bounds_is_left_out() -> None:
    found = _events(rows([BASE - 1, BASE, BASE + 1, BASE + 2]), {}, BASE, BASE + 2)
    assert found["event_id"].to_pylist() == ["e1", "e2"]


@given(
    st.lists(st.integers(0, 20_000_000), min_size=1, max_size=6),
    st.integers(0, 20),
)
def test_windows_beside_each_other_share_no_event_and_lose_none(
    cuts: list[int], second: int
) -> None:
    bounds = sorted({0, 21_000_000, *cuts})
    arrival = (BASE + second) * 1_000_000 + 999_999
    inside = []
    for a, b in pairwise(bounds):
        window = TimeWindow(since=START + us(a), until=START + us(b))
        first, last = _seconds(window)
        if first <= BASE + second < last:
            inside.append(window)
            assert window.since <= moment(arrival) < window.until
    assert len(inside) == 1


def us(number: int) -> timedelta:
    return timedelta(microseconds=number)
