"""Kibana's query language: how a query is read, translated and matched."""

from typing import Any

import pytest

from tests.kibana.kql import KqlError
from tests.kibana.kql_dsl import query_dsl
from tests.kibana.kql_matching import matches

RULE: dict[str, Any] = {"name": "Scoreback: odd login", "tags": ["Scoreback", "Data Source: X"],
                        "enabled": True, "score": 47}  # fmt: skip


def values(name: str) -> list[Any]:
    found = RULE.get(name)
    return found if isinstance(found, list) else [] if found is None else [found]


@pytest.mark.parametrize(
    ("query", "dsl"),
    [
        ("", {"match_all": {}}),
        ("*", {"match_all": {}}),
        ("a: b", {"match": {"a": "b"}}),
        ("a: two words", {"match": {"a": "two words"}}),
        ('a: "two \\"words\\""', {"match_phrase": {"a": 'two "words"'}}),
        ("a: true", {"match": {"a": True}}),
        ('a: "true"', {"match_phrase": {"a": "true"}}),
        ("a: *", {"exists": {"field": "a"}}),
        ("a >= 0.9", {"range": {"a": {"gte": "0.9"}}}),
        ("a.b < now-5m", {"range": {"a.b": {"lt": "now-5m"}}}),
        ("not a: b", {"bool": {"must_not": [{"match": {"a": "b"}}]}}),
        (
            "a: b and c: d",
            {"bool": {"filter": [{"match": {"a": "b"}}, {"match": {"c": "d"}}]}},
        ),
        (
            "a: (b or c)",
            {
                "bool": {
                    "should": [{"match": {"a": "b"}}, {"match": {"a": "c"}}],
                    "minimum_should_match": 1,
                }
            },
        ),
        ("a: lo*in", {"query_string": {"fields": ["a"], "query": "lo*in"}}),
        ("a: 10\\:*", {"query_string": {"fields": ["a"], "query": "10\\:*"}}),
        ("a: lit\\*eral", {"match": {"a": "lit*eral"}}),
        ("word", {"multi_match": {"type": "best_fields", "query": "word", "lenient": True}}),
    ],
)
def test_each_form_is_translated(query: str, dsl: dict[str, Any]) -> None:
    assert query_dsl(query) == dsl


def test_and_binds_more_than_or_and_parentheses_more_than_both() -> None:
    assert query_dsl("a: 1 or b: 2 and c: 3") == query_dsl("a: 1 or (b: 2 and c: 3)")
    assert query_dsl("a: 1 or b: 2 and c: 3") != query_dsl("(a: 1 or b: 2) and c: 3")


@pytest.mark.parametrize(
    "query", ["a:", "a: b and", "(a: b", 'a: "b', "and", "a: { b: c }", "a: b)"]
)
def test_a_query_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(KqlError, match="KQLSyntaxError"):
        query_dsl(query)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('tags: "Scoreback"', True),
        ("tags: Score", False),
        ("tags: Score*", True),
        ('tags: "scoreback"', False),
        ('name: "odd login"', True),
        ('name: "login odd"', False),
        ("name: LOGIN", True),
        ("enabled: true", True),
        ("not enabled: true", False),
        ("score >= 47 and score < 48", True),
        ("missing: *", False),
        ('tags: ("A" or "Scoreback") and enabled: true', True),
    ],
)
def test_what_is_in_memory_is_matched(query: str, found: bool) -> None:
    assert matches(query, values, frozenset({"name"})) is found
