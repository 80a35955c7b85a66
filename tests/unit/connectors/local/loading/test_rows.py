import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.local.loading.rows import content_hash, content_hashes, tagged

row = st.fixed_dictionaries({}, optional={name: st.text(max_size=3) for name in ("a", "b", "é")})


@settings(max_examples=50)
@given(rows=st.lists(row, max_size=5))
def test_every_row_has_the_hash_of_its_own_values_and_an_empty_one_too(
    rows: list[dict[str, str]],
) -> None:
    columns = {
        name: pa.array([values.get(name) for values in rows], pa.string())
        for name in ("é", "a", "b")
    }
    expected = [
        content_hash("".join(tagged(name, values[name]) for name in sorted(values)), b"key")
        for values in rows
    ]
    assert content_hashes(columns, len(rows), b"key") == expected
