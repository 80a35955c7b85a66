"""Tables of events go together, whichever way each holds its numbers."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.columns import flat, text_bytes, together

NUMBER = st.none() | st.floats(allow_nan=False)


def table(kind: pa.DataType, values: list[object]) -> pa.Table:
    return pa.table({"id": [str(n) for n in range(len(values))], "x": pa.array(values, kind)})


@given(st.lists(NUMBER, max_size=5), st.lists(NUMBER, max_size=5))
def test_numbers_stay_numbers(first: list[float | None], second: list[float | None]) -> None:
    whole = together([table(pa.float64(), list(first)), table(pa.float64(), list(second))])
    assert whole["x"].type == pa.float64()
    assert whole["x"].to_pylist() == first + second


@given(st.lists(NUMBER, min_size=1, max_size=5), st.permutations([0, 1]))
def test_beside_text_a_number_is_the_text_of_the_same_number(
    numbers: list[float | None], order: list[int]
) -> None:
    texts: list[object] = ["n/a", None, "1.50"]
    tables = [table(pa.float64(), list(numbers)), table(pa.string(), texts)]
    whole = together([tables[n] for n in order])
    assert whole["x"].type == pa.string()
    found = whole["x"].to_pylist()
    parts = {order[0]: found[: tables[order[0]].num_rows]}
    parts[order[1]] = found[tables[order[0]].num_rows :]
    assert parts[1] == texts
    assert [None if text is None else float(text) for text in parts[0]] == numbers


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_flat_column_is_one_array(count: int) -> None:
    column = pa.chunked_array([pa.array([n]) for n in range(count)], pa.int64())
    assert flat(column).to_pylist() == list(range(count))


@given(st.lists(st.none() | st.text(), max_size=6), st.integers(0, 3), st.integers(0, 3))
def test_the_bytes_of_texts_are_those_of_the_column_alone(
    texts: list[str | None], first: int, count: int
) -> None:
    part = pa.array(texts, pa.string()).slice(first, count)
    assert bytes(text_bytes(part)).decode() == "".join(text or "" for text in part.to_pylist())
