"""Fields with several values: one text holds a list, and gives it back."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.multivalue import (
    MARK,
    cell,
    cells,
    firsts,
    has_lists,
    joined,
    lists,
    merged,
    plain,
    readable,
    sets,
    sql_readable,
    unfolded,
    values_of,
)

TEXTS = st.text(alphabet=["a", "b", "\uff01", " ", "0", "1", "\ufdd0", "\ufdd1"], max_size=5)
GIVEN = st.lists(TEXTS | st.none(), max_size=4)
ROWS = st.lists(st.none() | GIVEN, max_size=6)


def columns(rows: list[list[str | None] | None]) -> pa.Array:
    return pa.array([None if row is None else cell(row) for row in rows], pa.string())


def kept(row: list[str | None]) -> list[str]:
    return [value for value in row if value]


@given(GIVEN)
def test_a_cell_gives_its_values_back(given: list[str | None]) -> None:
    text = cell(given)
    if kept(given):
        assert text is not None
        assert values_of(text) == kept(given)
    else:
        assert text == ("" if "" in given else None)


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=4), st.lists(TEXTS.filter(bool)))
def test_cells_are_the_same_only_where_their_values_are(one: list[str], other: list[str]) -> None:
    assert (cell(one) == cell(other)) == (one == other)


def test_one_value_is_its_own_text() -> None:
    assert cell(["cmd.exe"]) == "cmd.exe"
    assert cell([None, "cmd.exe", ""]) == "cmd.exe"
    assert values_of(MARK.join("ab")) == [MARK.join("ab")]


@given(ROWS)
def test_a_column_of_lists_is_written_cell_by_cell(rows: list[list[str | None] | None]) -> None:
    found = cells(pa.array(rows, pa.list_(pa.string())))
    assert found.to_pylist() == columns(rows).to_pylist()


@given(ROWS, st.integers(0, 3))
def test_a_slice_of_lists_is_written_as_the_whole(
    rows: list[list[str | None] | None], first: int
) -> None:
    given = pa.array(rows, pa.list_(pa.string())).slice(first)
    assert cells(given).to_pylist() == columns(rows[first:]).to_pylist()


@given(ROWS, st.integers(0, 3))
def test_a_column_is_read_cell_by_cell(rows: list[list[str | None] | None], start: int) -> None:
    column = columns(rows).slice(start)
    values = [None if text is None else values_of(text) for text in column.to_pylist()]
    assert lists(column).to_pylist() == values
    assert has_lists(column) == any(
        t is not None and t.startswith(MARK) for t in column.to_pylist()
    )
    assert firsts(column).to_pylist() == [v and v[0] for v in values]
    assert joined(column, "|").to_pylist() == [v and "|".join(v) for v in values]
    assert sets(column).to_pylist() == [
        None if v is None else text if not text.startswith(MARK) else cell(sorted(set(v)))
        for v, text in zip(values, column.to_pylist(), strict=True)
    ]
    found, one_by_one = unfolded(column, 2)
    pairs = [(row, value) for row, v in enumerate(values) for value in (v or [])[:2]]
    assert list(zip(found.tolist(), one_by_one.to_pylist(), strict=True)) == pairs


@given(ROWS)
def test_a_query_reads_a_cell_as_people_do(rows: list[list[str | None] | None]) -> None:
    told = columns(rows)
    given = pa.table({"n": range(len(told)), "x": told})
    with duckdb.connect() as engine:
        query = f"SELECT {sql_readable('x')} AS x FROM given ORDER BY n"  # noqa: S608 - ours
        found = engine.sql(query)
        assert found.to_arrow_table()["x"].to_pylist() == readable(told).to_pylist()
    assert given.num_rows == len(told)


@given(st.lists(TEXTS | st.none(), max_size=5))
def test_plain_texts_stay_one_value_each(texts: list[str | None]) -> None:
    found = plain(pa.array(texts, pa.string()))
    assert lists(found).to_pylist() == [None if t is None else [t] for t in texts]


@given(ROWS, ROWS)
def test_columns_that_are_merged_have_the_values_of_all(
    one: list[list[str | None] | None], other: list[list[str | None] | None]
) -> None:
    rows = min(len(one), len(other))
    found = merged([columns(one[:rows]), columns(other[:rows])])
    for text, a, b in zip(found.to_pylist(), one, other, strict=False):
        assert text == cell([*(a or []), *(b or [])])


@pytest.mark.parametrize("texts", [[], [""], ["", ""], [None], ["a", ""], [None, "\ufdd0a"]])
def test_columns_of_nothing_are_looked_at_too(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    assert has_lists(column) == any(text and text.startswith(MARK) for text in texts)
    assert len(sets(column)) == len(texts)


def test_a_chunked_column_is_read_as_one() -> None:
    column = pa.chunked_array([["a"], [cell(["b", "c"])]])
    assert has_lists(column)
    assert lists(column).to_pylist() == [["a"], ["b", "c"]]
    assert firsts(column).to_pylist() == ["a", "b"]
