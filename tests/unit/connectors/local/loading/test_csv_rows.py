import csv
import io
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.local.loading import csv_rows
from scoreback.connectors.local.loading.csv_rows import CsvRows
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.rows import Wanted
from scoreback.multivalue import firsts

WANTED = Wanted(columns=None, content=None, max_columns=100)

value = st.text(
    st.one_of(
        st.sampled_from(list('ab,;"\n ')),
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff"),
    ),
    max_size=8,
)
table = st.lists(st.tuples(value, value, value), min_size=1, max_size=30)


def read(data: bytes) -> tuple[list[tuple[str | None, ...]], list[int]]:
    with Rejects(Path("never-written")) as rejects:
        found, lines = [], []
        for rows in CsvRows(Path("a.csv"), io.BytesIO(data), WANTED, rejects):
            found += list(zip(*(firsts(c).to_pylist() for c in rows.columns.values()), strict=True))
            lines += list(rows.lines)
        assert not rejects.reasons
    return found, lines


@settings(max_examples=200)
@given(table=table)
def test_what_a_csv_writer_writes_comes_back(table: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["x", "y", "z"])
    writer.writerows(table)
    found, lines = read(text.getvalue().encode())
    assert found == [tuple(v or None for v in row) for row in table]
    begins = [2]
    for row in table:
        begins.append(begins[-1] + 1 + sum(v.count("\n") for v in row))
    assert lines == begins[:-1]


def test_blocks_give_the_rows_that_one_pass_gives() -> None:
    lines = [
        f'{i},"two\nlines {i}",c' if i % 1000 == 7 else f"{i},plain {i},c" for i in range(30_000)
    ]
    found, begins = read(("x,y,z\n" + "\n".join(lines)).encode())
    assert len("\n".join(lines)) > 2 * csv_rows.BLOCK
    assert [row[0] for row in found] == [str(i) for i in range(30_000)]
    assert begins[-1] == 30_000 + 1 + 30


def test_the_csv_modules_limit_is_put_back() -> None:
    before = csv.field_size_limit()
    read(b"x,y\n1,2\n")
    assert csv.field_size_limit() == before
