"""How many keys windows will hold, judged by a stretch of events."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.features.key_cap import estimated_keys
from scoreback.models.features.windows import Series, key_column, value_column

SECOND = 1_000_000
SERIES = Series(("flow.id",), 1000 * SECOND, "keys", "")  # windows of a thousand seconds
VALUES = Series(("host.name",), 1000 * SECOND, "values", "rule.id")


def stretch(keys: Sequence[str | None], values: Sequence[str | None] | None = None) -> pa.Table:
    """A stretch with one event a second."""
    return pa.table(
        {
            "time": pa.array(np.arange(len(keys)) * SECOND),
            key_column(SERIES): pa.array(keys, pa.string()),
            key_column(VALUES): pa.array(keys, pa.string()),
            value_column(VALUES): pa.array(values or keys, pa.string()),
        }
    )


def test_keys_that_never_come_again_are_as_many_as_the_events_of_a_window() -> None:
    found = estimated_keys(SERIES, stretch([f"flow {i}" for i in range(100)]))
    assert found == pytest.approx(1000, rel=0.02)


def test_keys_that_always_come_again_are_no_more_than_were_seen() -> None:
    assert estimated_keys(SERIES, stretch([f"host {i % 7}" for i in range(100)])) == 7


def test_where_values_are_told_apart_each_value_of_a_key_counts() -> None:
    few, many = ["a"] * 100, [f"rule {i}" for i in range(100)]
    assert estimated_keys(VALUES, stretch(few, few)) == 1
    assert estimated_keys(VALUES, stretch(few, many)) == pytest.approx(1000, rel=0.02)


def test_a_draw_from_many_keys_is_found_within_a_factor_of_three() -> None:
    draw = np.random.default_rng(1)
    for names in (50, 500, 5000):
        seen = [str(i) for i in draw.integers(0, names, 1000)]
        within = Series(("flow.id",), 10_000 * SECOND, "keys", "")
        true = len(set(draw.integers(0, names, 10_000).tolist()))
        assert true / 3 < estimated_keys(within, stretch(seen)) < true * 3


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=40))
def test_an_estimate_is_never_below_what_was_seen_nor_above_the_events_to_come(
    keys: list[str | None],
) -> None:
    found = estimated_keys(SERIES, stretch(keys))
    present = [key for key in keys if key is not None]
    assert found >= len(set(present))
    assert found <= max(len(present), 1) * 1000
