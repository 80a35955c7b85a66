"""From feature rows to the matrix: nothing is learnt but from training rows."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import Detector, EventFeature
from scoreback.models.learners.encoding import MIN_SEEN, SMOOTHING, Encoder

RULE = EventFeature(kind="category", field="rule.id", name="rule")
SIZE = EventFeature(kind="number", field="size", name="size")


def table(rules: Sequence[str | None], sizes: Sequence[float | None] | None = None) -> pa.Table:
    return pa.table(
        {
            "rule": pa.array(rules, pa.string()),
            "size": pa.array(sizes or [0.0] * len(rules), pa.float64()),
        }
    )


def fitted() -> Encoder:
    rules = ["bad"] * 20 + ["good"] * 70 + ["rare"] * (MIN_SEEN - 1) + [None]
    truth = np.array([1] * 15 + [0] * 5 + [0] * 70 + [1] * 9 + [1], dtype=np.int8)
    return Encoder.fit(table(rules), truth, (RULE, SIZE))


def test_a_category_becomes_the_weight_of_evidence_of_its_value() -> None:
    rate = 25.5 / 101
    own = (15 + SMOOTHING * rate) / (20 + SMOOTHING)
    expected = math.log(own / (1 - own)) - math.log(rate / (1 - rate))
    column = fitted().transform(table(["bad", "good", "rare", "never seen", "", None]))[:, 0]
    assert column[0] == np.float32(expected)
    assert column[1] < 0
    assert column[2:5].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(column[5])


def test_numbers_pass_and_what_is_no_number_is_missing() -> None:
    sizes = [1.5, None, float("nan"), float("inf"), -float("inf"), 1e300, -1e300]
    column = fitted().transform(table(["bad"] * 7, sizes))[:, 1]
    largest = np.finfo(np.float32).max
    np.testing.assert_array_equal(column, [1.5, *[np.nan] * 4, largest, -largest])


def test_an_empty_table_gives_an_empty_matrix() -> None:
    assert fitted().transform(table([])).shape == (0, 2)


@given(st.lists(st.sampled_from(["bad", "good", "new", None]), max_size=30), st.integers(0, 29))
def test_a_row_is_encoded_alone_as_in_any_batch(rules: list[str | None], at: int) -> None:
    encoder = fitted()
    whole = encoder.transform(table(rules))
    at = min(at, len(rules))
    parts = [encoder.transform(table(rules).slice(0, at)), encoder.transform(table(rules[at:]))]
    np.testing.assert_array_equal(np.vstack(parts), whole)


@given(st.permutations(range(40)))
def test_the_order_of_training_rows_changes_no_vocabulary(order: list[int]) -> None:
    rules = ["a"] * 12 + ["b"] * 14 + ["c"] * 14
    truth = np.array([1, 0] * 20, dtype=np.int8)
    straight = Encoder.fit(table(rules), truth, (RULE, SIZE))
    mixed = Encoder.fit(table([rules[i] for i in order]), truth[order], (RULE, SIZE))
    assert mixed.vocabularies == straight.vocabularies


def test_columns_come_in_the_order_of_the_plan(make_detector: Callable[..., Detector]) -> None:
    names = Encoder(tuple(make_detector().features), {}).names
    assert names == ("rule.id", "network.bytes", "entropy", "count")
