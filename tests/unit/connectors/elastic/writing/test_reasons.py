"""The reasons of alerts in words."""

import json

import pyarrow as pa
import pytest

from scoreback.connectors.elastic.writing.reasons import sentences

FULL = json.dumps(
    [
        {"feature": "user.name", "value": "root", "contribution": 1.5, "text": "user.name is root"},
        {"feature": "x", "value": 3, "contribution": 0.5, "text": "x is 3 (usually less)"},
        {"base": -3.1},
    ]
)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (FULL, ["user.name is root", "x is 3 (usually less)"]),
        ('["it is a test"]', ["it is a test"]),
        ('[{"base": -3.1}]', None),
        ("[]", None),
        ("", None),
        (None, None),
    ],
)
def test_reasons_are_told_in_words(reasons: str | None, words: list[str] | None) -> None:
    assert sentences(pa.array([reasons], pa.string())).to_pylist() == [words]


def test_chunks_of_a_column_are_one_list_a_row() -> None:
    column = pa.chunked_array([[FULL], [None, '["b"]']], pa.string())
    assert [words and len(words) for words in sentences(column).to_pylist()] == [2, None, 1]
