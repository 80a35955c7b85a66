"""Patterns: whatever is accepted, DuckDB can search with."""

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoreback.models.detector.regex import check_pattern
from scoreback.models.detector.wrong import WrongValue

ENGINE = duckdb.connect(config={"memory_limit": "100MB", "threads": 1})

PIECES = [
    "a", ".", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?-i:", "(?P<n>", "(?=", "(?#", "(?>", "[",
    "]", "[^", "[]", "-", r"\d", r"\b", r"\B", r"\Z", r"\A", r"\1", r"\0", r"\x41", r"\u0041",
    r"\.", r"\_", r"\-", r"\é", "é", "*", "+", "?", "{", "}", "{2}", "{2,}", "{,3}", "{1,2}",
    "{100}", "{1001}", ",", " ", r"\ ", r"\\", "/", "&&", "[:alpha:]", r"\t", r"\W", "--",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join) | st.text(min_size=1))
@example("(a{100}){11}")
@example("((a{10}){10}){10}")
@example(r"[\w]{1000}")
@example("a{1000}{2}")
def test_what_is_accepted_runs_in_duckdb(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except WrongValue:
        return
    ENGINE.execute("SELECT regexp_matches('', ?)", [pattern])


@pytest.mark.parametrize(
    "pattern",
    [
        r"\.php$", r"(?i)cmd\.exe", r"^\d{1,3}(\.\d{1,3}){3}$", r"[A-Za-z0-9+/]{40,}={0,2}",
        r"(?:union|select)\s+\w", r"[0-9a-f]{32}-[0-9a-f]{64}", r"[]a]", r"[^]a]", r"\\\\[a-z]+\\",
        "schäd.*", r"(?P<first>a|b)c", "a+?b*?", "(?s:a.b)",
    ],
)  # fmt: skip
def test_usual_patterns_are_accepted(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "0 characters"),
        ("a" * 501, "501 characters"),
        ("a\tb", "control character"),
        ("[a", "not a regular expression"),
        ("[[a]", "not a regular expression"),
        ("(?<=a)b", "which RE2 does not support"),
        ("(?>a)b", "which RE2 does not support"),
        (r"(a)\1", r"back-reference \1"),
        ("a++", "possessive"),
        ("a{2}+", "possessive"),
        (r"a\Z", r"\Z"),
        ("a{1001}", "1001 repeats"),
        ("(a{100}){20}", "2000 repeats"),
    ],
)
def test_patterns_that_re2_reads_otherwise_are_refused(pattern: str, says: str) -> None:
    with pytest.raises(WrongValue) as caught:
        check_pattern(pattern)
    assert says in str(caught.value)
    assert caught.value.hint
