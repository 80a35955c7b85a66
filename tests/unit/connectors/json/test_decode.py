import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.json.decode import AllFieldsDecoder, FieldDecoder
from scoreback.connectors.json.flatten import MAX_TEXT, flattened, parsed
from scoreback.errors import DataError
from scoreback.multivalue import cell, values_of

FIELDS = ("a", "b.c", "b.a", "a.b.c", "c", "time")

scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["", "[", '["x"]', "{}", '{"a": 1}', '":', "1.10", "\\", "é", "\0", "a,]"]),
)
key = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "b.a", "d", 'q"', "é", ""])
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


@pytest.fixture
def asked() -> FieldDecoder:
    return FieldDecoder(FIELDS)


@pytest.fixture
def every() -> AllFieldsDecoder:
    return AllFieldsDecoder()


def by_python(found: object) -> dict[str, str]:
    """The fields as Python's own json gives their values, each spelling's after the shorter ones.

    Pointers are followed recursively here, where the product goes level by level.
    """
    spelt: dict[tuple[str, ...], list[str]] = {}

    def follow(value: object, pointer: tuple[str, ...]) -> None:
        if isinstance(value, list):
            for one in value:
                follow(one, pointer)
        elif isinstance(value, dict):
            for k, v in value.items():
                follow(v, (*pointer, k))
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            spelt.setdefault(pointer, []).append(text)

    follow(found, ())
    values: dict[str, list[str]] = {}
    for pointer in sorted(spelt, key=lambda p: (len(p), p)):
        values.setdefault(".".join(pointer), []).extend(spelt[pointer])
    cells = {name: cell(texts) for name, texts in values.items()}
    return {name: text for name, text in cells.items() if text is not None}


def rows(decoder: FieldDecoder | AllFieldsDecoder, documents: list[str]) -> list[dict[str, str]]:
    columns = decoder.decode(documents).columns
    found: list[dict[str, str]] = [{} for _ in documents]
    for name, column in columns.items():
        assert len(column) == len(documents)
        for row, text in zip(found, column.to_pylist(), strict=True):
            if text is not None:
                row[name] = text
    return found


def slow(text: str, fields: tuple[str, ...] | None) -> dict[str, str] | str:
    """What the definition says of one document: its values, or why it is none."""
    try:
        return flattened(parsed(text), fields)
    except DataError as error:
        return error.message


readable = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "x"]), value, max_size=4
)


@settings(max_examples=100)
@given(found=readable, how=written)
def test_every_field_has_the_values_that_pythons_json_gives(
    found: dict[str, object], how: dict[str, object]
) -> None:
    text = json.dumps(found, **how)  # type: ignore[arg-type]
    leaves = by_python(found)
    assert rows(AllFieldsDecoder(), [text]) == [leaves]
    assert rows(FieldDecoder(FIELDS), [text]) == [{k: v for k, v in leaves.items() if k in FIELDS}]


@settings(max_examples=100)
@given(documents=st.lists(document, max_size=12), how=written)
def test_a_batch_is_decoded_as_each_document_alone_is_flattened(
    documents: list[object], how: dict[str, object]
) -> None:
    texts = [json.dumps(d, **how) for d in documents]  # type: ignore[arg-type]
    for decoder, fields in ((AllFieldsDecoder(), None), (FieldDecoder(FIELDS), FIELDS)):
        expected = [slow(text, fields) for text in texts]
        for _ in range(2):  # the second time the keys are known
            found = decoder.decode(texts)
            assert found.bad == {i: e for i, e in enumerate(expected) if isinstance(e, str)}
            assert rows(decoder, texts) == [e if isinstance(e, dict) else {} for e in expected]


@pytest.mark.parametrize(
    "number",
    ["1.10", "1.0", "5e3", "1E+5", "-0.0", "0.00001", "12345678901234567890123", "1e400", "-7",
     "123456789.123456789123", "NaN", "-Infinity", "0", "22.5", "1e-7", "9007199254740993",
     "18446744073709551615", "1" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_numbers_stay_as_they_are_written(
    asked: FieldDecoder, every: AllFieldsDecoder, number: str, blank: str
) -> None:
    text = f'{{"a":{blank}{number},"b":{{"c":{blank}"x"}}}}'
    for _ in range(2):
        assert rows(asked, [text]) == rows(every, [text]) == [{"a": number, "b.c": "x"}]


def test_dotted_and_nested_names_are_one_field_and_fewer_levels_come_first() -> None:
    texts = [
        '{"a":{"b":{"c":1}}}',
        '{"a.b":{"c":2}}',
        '{"a":{"b.c":3}}',
        '{"a.b.c":4}',
        '{"a":{"b":{"c":5}},"a.b.c":6}',
        '{"a.b":{"c":7},"a":{"b.c":8}}',
        '{"a.b.c":null,"a":{"b":{"c":9}}}',
    ]
    assert [values(row, "a.b.c") for row in rows(FieldDecoder(["a.b.c"]), texts)] == [
        ["1"], ["2"], ["3"], ["4"], ["6", "5"], ["8", "7"], ["9"],
    ]  # fmt: skip


def values(row: dict[str, str], field: str) -> list[str]:
    return values_of(row[field]) if field in row else []


@pytest.mark.parametrize(
    ("text", "of_a", "of_b"),
    [
        ('{"a":["x","y","x"]}', ["x", "y", "x"], []),
        ('{"a":[]}', [], []),
        ('{"a":[null]}', [], []),
        ('{"a":[null,"y",""]}', ["y"], []),
        ('{"a":[["x",[]],["y",["z"]]]}', ["x", "y", "z"], []),
        ('{"a":["x",true,1.10,7,null]}', ["x", "true", "1.10", "7"], []),
        ('{"a":[1,2]}', ["1", "2"], []),
        ('{"a":[true,1]}', ["true", "1"], []),
        ('{"a":[true,false]}', ["true", "false"], []),
        ('{"a":[12345678901234567890123,1]}', ["12345678901234567890123", "1"], []),
        ('{"a":[{"b":1},{"b":2}]}', [], ["1", "2"]),
        ('{"a":[{"b":[1,2]},{},{"c":7},[{"b":3}]]}', [], ["1", "2", "3"]),
        ('{"a":["x",{"b":1},"y"]}', ["x", "y"], ["1"]),
        ('{"a":{"b":[3]}}', [], ["3"]),
        ('{"a.b":["x","y"],"a":{"b":["y","z"]}}', [], ["x", "y", "y", "z"]),
        ('{"a":[{"b":"x"}],"a.b":null}', [], ["x"]),
        ('{"a":"[\\"x\\"]"}', ['["x"]'], []),
        ('{"a":"\\ufdd0x"}', ["\ufdd0x"], []),
        ('{"a":["\\ufdd0x","\\ufdd11"],"a.b":["\\ufdd0"]}', ["\ufdd0x", "\ufdd11"], ["\ufdd0"]),
    ],
)
def test_a_list_gives_all_its_values(
    every: AllFieldsDecoder, text: str, of_a: list[str], of_b: list[str]
) -> None:
    for decoder in (FieldDecoder(["a", "a.b"]), every, every):
        (row,) = rows(decoder, [text])
        assert values(row, "a") == of_a
        assert values(row, "a.b") == of_b


def test_a_list_too_long_to_be_a_field_is_no_event(every: AllFieldsDecoder) -> None:
    text = json.dumps({"a": ["x" * 1000] * 1001})
    found = every.decode(['{"a":"x"}', text])
    assert "longer than" in found.bad[1]


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
        ('{"a":"\\udc00"}', "surrogate"),
        (f'{{"a":"{"x" * (MAX_TEXT + 1)}"}}', "longer than"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_a_document_that_is_no_event_is_a_row_of_nulls_with_its_reason(
    asked: FieldDecoder, every: AllFieldsDecoder, text: str, reason: str
) -> None:
    good = '{"a":"x"}'
    for decoder in (asked, every):
        found = decoder.decode([good, text, good])
        assert list(found.bad) == [1]
        assert reason in found.bad[1]
        assert found.columns["a"].to_pylist() == ["x", None, "x"]


def test_no_documents_are_no_rows(asked: FieldDecoder, every: AllFieldsDecoder) -> None:
    assert {len(column) for column in asked.decode([]).columns.values()} == {0}
    assert every.decode([]).columns == {}


def test_of_a_repeated_key_the_last_counts(asked: FieldDecoder, every: AllFieldsDecoder) -> None:
    for text in ('{"a":1,"a":2}', '{"a":1,"a":2,"c":1.10}'):
        assert rows(asked, [text])[0]["a"] == rows(every, [text])[0]["a"] == "2"


def test_names_that_no_type_can_have_are_decoded_all_the_same() -> None:
    deep = ".".join("abcdefghij")
    found = {'q"x': 1, "w*": 2, "back\\slash": 3, deep: 4}
    decoder = FieldDecoder(list(found))
    assert rows(decoder, [json.dumps(found)]) == [{k: str(v) for k, v in found.items()}]


def test_a_field_that_appears_late_is_not_lost() -> None:
    decoder = AllFieldsDecoder()
    found = [{"id": i} | ({f"k{i // 700}": "x"} if i % 700 == 699 else {}) for i in range(3000)]
    expected = [{k: str(v) for k, v in row.items()} for row in found]
    assert rows(decoder, [json.dumps(row) for row in found]) == expected


def test_documents_whose_keys_are_known_are_not_taken_one_by_one(every: AllFieldsDecoder) -> None:
    texts = [
        json.dumps({"a": i, "b": {"c": f"{i}", "d": [i]}, "time": i / 7, "c": None})
        for i in range(50)
    ]
    assert not FieldDecoder(["a", "b.c", "time"]).decode(texts).slow
    assert not every.decode(texts).slow
