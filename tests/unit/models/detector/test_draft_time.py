"""A draft's history reaches what it learns from; its delays and budget fit what the labels show."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.draft_time import Timing
from scoreback.models.detector.tells import Truth
from scoreback.times import micros

START = datetime(2026, 1, 1, tzinfo=UTC)


def times(days: float, count: int = 1000) -> pa.Array:
    at = micros(START) + np.linspace(0, days * 86_400e6, count).astype(np.int64)
    return pa.array(at, pa.timestamp("us", "UTC"))


def truth(every: int, count: int = 1000) -> Truth:
    return np.asarray(np.arange(count) % every == 0, dtype=np.int8)


def test_recent_events_with_enough_positives_need_no_longer_history() -> None:
    found = Timing.of(times(400), START + timedelta(days=400), truth(2), None)
    assert (found.history, found.as_of) == (None, None)


def test_few_positives_need_a_longer_history() -> None:
    found = Timing.of(times(400), START + timedelta(days=400), truth(5), None)
    assert found.history == 360
    sampled = Timing.of(times(400), START + timedelta(days=400), truth(5), 10_000)
    assert sampled.history is None  # ten times as many lie in the SIEM


def test_an_old_export_is_reached_from_today_and_names_the_day_of_its_end() -> None:
    now = START + timedelta(days=1000, hours=5)
    found = Timing.of(times(40), now, truth(2), None)
    assert found.history is not None
    assert timedelta(days=found.history) >= now - START
    assert found.as_of == START + timedelta(days=48)  # the last day, its label, and a week
    assert Timing.of(times(40), START + timedelta(days=30_000), truth(2), None).history == 3650


def test_a_capture_of_a_day_spares_no_week_of_young_labels() -> None:
    found = Timing.of(times(1), START + timedelta(days=50), truth(2), None)
    assert found.mature_after == timedelta(hours=1)
    assert found.as_of == START + timedelta(days=2)


@pytest.mark.parametrize(
    ("every", "entities", "budget"),
    [(1, None, 20), (20, None, 5), (8, None, 12), (1, 1000, 20), (1, 1, 5)],
)
def test_the_budget_is_what_labels_know_within_reason(
    every: int, entities: int | None, budget: int
) -> None:
    found = Timing.of(times(10), None, truth(every), None)
    names = None
    if entities is not None:
        names = pa.array([f"h{i % entities}" for i in range(1000)])
    assert found.budget(times(10), truth(every), names) == budget


def test_windows_are_as_long_as_an_entity_needs_to_come_again() -> None:
    found = Timing.of(times(100), None, None, 1000)
    assert found.overs(10_000) == ("1h", "7d")
    assert found.overs(200) == ("1d", "30d")
    assert found.overs(2) == ("7d", "90d")
