"""Features in plain Python are those that the service computes in DuckDB."""

import ast
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scoreback.portable
from scoreback.engine import open_engine
from scoreback.portable.reading import entropy, number

_NUMBERISH = st.text("0123456789eE+-._ \t\n\v\f\r\x1c\x1f\u00a0\u0661infaNAdx", max_size=12)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(open_engine("256MB", threads=1)) as opened:
        yield opened


@given(
    text=_NUMBERISH
    | st.floats().map(repr)
    | st.floats().map("+{!r}".format)
    | st.integers().map(str)
    | st.text()
)
def test_a_text_is_the_number_that_duckdb_reads(
    engine: duckdb.DuckDBPyConnection, text: str
) -> None:
    query = "SELECT TRY_CAST(nullif(t, '') AS DOUBLE) n, isfinite(n) FROM (SELECT ?::VARCHAR AS t)"
    ((found, finite),) = engine.execute(query, [text]).fetchall()
    expected = found if finite else None
    plain = number(text)
    assert (None if plain != plain else plain) == expected


@given(text=st.text(max_size=40).filter(bool))
def test_entropy_is_that_of_duckdb(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    query = "SELECT list_entropy(string_split(left(?::VARCHAR, 4096), ''))"
    ((found,),) = engine.execute(query, [text]).fetchall()
    assert entropy(text) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    "path", sorted(Path(scoreback.portable.__file__).parent.glob("*.py")), ids=lambda p: p.name
)
def test_it_imports_the_standard_library_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            assert {each.name.partition(".")[0] for each in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert str(node.module).partition(".")[0] in sys.stdlib_module_names
