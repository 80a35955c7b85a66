import json
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.decode import AllFieldsDecoder, FieldDecoder
from scoreback.connectors.flatten import flattened, parsed

FIELDS = ("a", "b.c", "b.a", "a.b.c", "c", "time")

scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["", "[", '["x"]', "{}", '{"a": 1}', '":', "1.10", "\\", "é", "\0", "a,]"]),
)
key = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "b.a", "d"])
value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=3)),
    max_leaves=8,
)
document = st.dictionaries(key, value, max_size=5)
written = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"separators": (",", ":"), "ensure_ascii": False},
        {},
        {"indent": 1},
    ]
)


@pytest.fixture(scope="module")
def asked() -> Iterator[FieldDecoder]:
    decoder = FieldDecoder(FIELDS, max_text=50)
    yield decoder
    decoder.close()


@pytest.fixture(scope="module")
def every() -> Iterator[AllFieldsDecoder]:
    decoder = AllFieldsDecoder(max_text=50)
    yield decoder
    decoder.close()


def by_python(found: object, name: str = "") -> dict[str, str]:
    """The leaves as Python's own json gives them; nothing here spells one field twice."""
    while isinstance(found, list):
        found = found[0] if found else None
    if isinstance(found, dict):
        leaves: dict[str, str] = {}
        for k, v in found.items():
            leaves |= by_python(v, f"{name}.{k}" if name else k)
        return leaves
    if found is None:
        return {}
    return {name: found if isinstance(found, str) else json.dumps(found)}


def rows(decoder: FieldDecoder | AllFieldsDecoder, documents: list[str]) -> list[dict[str, str]]:
    columns = decoder.decode(pa.array(documents, pa.string())).columns
    if not columns.num_columns:  # Arrow has no rows without columns
        return [{} for _ in documents]
    return [
        {name: text for name, text in row.items() if text is not None}
        for row in columns.to_pylist()
    ]


@settings(max_examples=50, deadline=None)
@given(
    found=st.dictionaries(
        st.sampled_from(["a", "time"]), st.one_of(scalar, st.lists(scalar)), max_size=2
    ),
    inside=st.dictionaries(st.sampled_from(["a", "c", "x"]), scalar),
    how=written,
)
def test_every_leaf_is_the_text_that_pythons_json_gives(
    asked: FieldDecoder, every: AllFieldsDecoder, found: dict[str, object],
    inside: dict[str, object], how: dict[str, object],
) -> None:  # fmt: skip
    whole = {**found, "b": inside}
    text = json.dumps(whole, **how)  # type: ignore[arg-type]
    leaves = by_python(whole)
    assert rows(every, [text]) == [leaves]
    assert rows(asked, [text]) == [{k: v for k, v in leaves.items() if k in FIELDS}]


@settings(max_examples=50, deadline=None)
@given(documents=st.lists(document, max_size=12), how=written)
def test_a_batch_is_decoded_as_each_document_alone_is_flattened(
    asked: FieldDecoder, documents: list[object], how: dict[str, object]
) -> None:
    every = AllFieldsDecoder(max_text=50)
    texts = [json.dumps(d, **how) for d in documents]  # type: ignore[arg-type]
    flat = [flattened(parsed(text), max_text=50) for text in texts]
    assert rows(every, texts) == flat
    assert rows(every, texts) == flat  # now that it knows the keys
    every.close()
    wanted = [{k: v for k, v in values.items() if k in FIELDS} for values in flat]
    assert rows(asked, texts) == wanted


@pytest.mark.parametrize(
    "number",
    ["1.10", "1.0", "5e3", "1E+5", "-0", "-0.0", "0.00001", "12345678901234567890123", "1e400",
     "123456789.123456789123", "NaN", "-Infinity", "0", "22.5", "1e-7", "9007199254740993"],
)  # fmt: skip
@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_numbers_stay_as_they_are_written(
    asked: FieldDecoder, every: AllFieldsDecoder, number: str, blank: str
) -> None:
    text = f'{{"a":{blank}{number},"b":{{"c":{blank}"x"}}}}'
    assert rows(asked, [text]) == rows(every, [text]) == [{"a": number, "b.c": "x"}]


def test_dotted_and_nested_names_are_one_field_and_fewer_levels_count() -> None:
    decoder = FieldDecoder(["a.b.c"])
    texts = [
        '{"a":{"b":{"c":1}}}',
        '{"a.b":{"c":2}}',
        '{"a":{"b.c":3}}',
        '{"a.b.c":4}',
        '{"a":{"b":{"c":5}},"a.b.c":6}',
        '{"a.b":{"c":7},"a":{"b.c":8}}',
        '{"a.b.c":null,"a":{"b":{"c":9}}}',
    ]
    assert [row.get("a.b.c") for row in rows(decoder, texts)] == list("1234689")
    decoder.close()


def test_a_list_gives_its_first_value_and_an_object_none() -> None:
    decoder = FieldDecoder(["a", "a.b"])
    texts = [
        '{"a":["x","y"]}',
        '{"a":[]}',
        '{"a":[null,"y"]}',
        '{"a":[["x"],"y"]}',
        '{"a":[{"b":1},{"b":2}]}',
        '{"a":{"b":[3]}}',
        '{"a":"[\\"x\\"]"}',
    ]
    assert rows(decoder, texts) == [
        {"a": "x"}, {}, {}, {"a": "x"}, {"a.b": "1"}, {"a.b": "3"}, {"a": '["x"]'},
    ]  # fmt: skip
    decoder.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("17", "not a JSON object"),
        ('["a"]', "not a JSON object"),
        ('{"a":1', "not JSON"),
        ('{"a":1,}', "not JSON"),
        ("{'a':1}", "not JSON"),
        ('{"a":1}{"a":2}', "not JSON"),
        ('{"a":"\t"}', "not JSON"),
        ('{"z":"\\ud800"}', "surrogate"),
        (f'{{"z":"{"x" * 51}"}}', "longer than 50"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_a_document_that_is_no_event_is_a_row_of_nulls_with_its_reason(
    asked: FieldDecoder, every: AllFieldsDecoder, text: str, reason: str
) -> None:
    good = '{"a":"x"}'
    for decoder in (asked, every):
        found = decoder.decode(pa.array([good, text, good]))
        assert list(found.bad) == [1]
        assert reason in found.bad[1]
        assert found.columns.column("a").to_pylist() == ["x", None, "x"]


def test_absent_documents_are_bad_and_no_documents_are_no_rows(asked: FieldDecoder) -> None:
    assert asked.decode(pa.array([None], pa.string())).bad == {0: "no document"}
    empty = asked.decode(pa.array([], pa.string()))
    assert (empty.columns.num_rows, empty.columns.column_names) == (0, list(FIELDS))


def test_of_a_repeated_key_the_first_counts(asked: FieldDecoder, every: AllFieldsDecoder) -> None:
    for text in ('{"a":1,"a":2}', '{"a":1,"a":2,"c":1.10}'):
        assert rows(asked, [text])[0]["a"] == rows(every, [text])[0]["a"] == "1"


def test_fields_that_no_path_can_say_are_decoded_all_the_same() -> None:
    deep = ".".join("abcdefghij")
    decoder = FieldDecoder(['q"x', "w*", "back\\slash", deep])
    found = {'q"x': 1, "w*": 2, "back\\slash": 3, deep: 4}
    assert rows(decoder, [json.dumps(found)]) == [{k: str(v) for k, v in found.items()}]
    decoder.close()


def test_a_field_that_appears_late_is_not_lost() -> None:
    decoder = AllFieldsDecoder()
    found = [{"id": i} | ({f"k{i // 700}": "x"} if i % 700 == 699 else {}) for i in range(3000)]
    expected = [{k: str(v) for k, v in row.items()} for row in found]
    assert rows(decoder, [json.dumps(row) for row in found]) == expected
    decoder.close()
