"""What is explored: a day's part at most, each by its chance, parts of an alert too."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.explore_sample import Part, Spared, candidates_of
from scoreback.suppression import DAY_US

DAYS = [day * DAY_US for day in range(2_000)]


@pytest.mark.parametrize("alerts", [0.5, 0.1, 1.0, 2.3])
def test_a_part_of_an_alert_is_carried_over_days_and_not_lost(alerts: float) -> None:
    part = Part("one", alerts)
    found = [part.on(day) for day in DAYS]
    assert np.mean(found) == pytest.approx(alerts, abs=0.05)
    assert set(found) <= {int(alerts), int(alerts) + 1}
    assert found == [Part("one", alerts).on(day) for day in DAYS]
    if alerts % 1:
        assert found != [Part("other", alerts).on(day) for day in DAYS]


@given(
    alerts=st.floats(0.01, 30),
    candidates=st.integers(0, 80),
    expected=st.integers(1, 60),
    day=st.integers(0, 20_000),
)
def test_no_day_shows_more_than_its_part(
    alerts: float, candidates: int, expected: int, day: int
) -> None:
    part, since = Part("one", alerts), day * DAY_US
    shown = [n for n in range(candidates) if part.takes(n, since, expected)]
    assert len(shown) <= part.on(since)
    assert all(0 < part.chance(n, expected) <= 1 for n in range(expected))
    assert all(part.chance(n, expected) > 0 for n in shown)


@pytest.mark.parametrize(
    ("alerts", "expected"), [(1.0, 12), (0.5, 7), (2.0, 9), (1.5, 10), (8.0, 3)]
)
def test_each_candidate_is_shown_by_its_chance(alerts: float, expected: int) -> None:
    part = Part("one", alerts)
    for number in range(expected):
        often = np.mean([part.takes(number, day, expected) for day in DAYS])
        assert often == pytest.approx(part.chance(number, expected), abs=0.04)


def test_what_is_spared_after_the_last_shadow_is_what_was_shown() -> None:
    part = Part("one", 3.0)
    assert Spared(part).on(0) == 3
    assert Spared(shown=((0, 2),)).on(0) == 2
    assert Spared(shown=((0, 2),)).on(DAY_US) == 0


def test_candidates_come_as_they_are_counted_and_equal_times_by_their_ids() -> None:
    opens = np.array([True, True, False, True, True])
    seen = np.array([False, True, False, False, False])
    times = np.array([5, 1, 0, 2, 2])
    ids = pa.chunked_array([["a", "b", "c", "d", "e"]])
    found = candidates_of(opens, seen, times, ids).tolist()
    assert sorted(found[:2]) == [3, 4]
    assert found[2:] == [0]
    turned = candidates_of(
        opens[::-1], seen[::-1], times[::-1], pa.chunked_array([ids.to_pylist()[::-1]])
    )
    assert [4 - place for place in turned.tolist()] == found
