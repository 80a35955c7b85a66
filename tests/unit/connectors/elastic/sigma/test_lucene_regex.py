"""Regular expressions for Lucene match the values that Sigma's search would find."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.sigma.lucene_regex import NotInLucene, lucene_regex

ATOMS = st.sampled_from(
    ["a", "b", "Z", "7", " ", ".", r"\.", r"\d", r"\w", r"\S", "[ab]", "[^a-c]", r"[\d_-]", "[]x]",
     "@", "#", "&", "<", ">", "~", '"', "/", r"\/", r"\\", "-", r"\x41", r"\t", "{", "}"]
)  # fmt: skip
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "{2}", "{1,}", "{0,3}?"])
WORDS = st.lists(st.tuples(ATOMS, REPEATS).map("".join), max_size=4).map("".join)
PATTERNS = st.one_of(
    WORDS,
    st.tuples(WORDS, WORDS).map("|".join),
    st.tuples(WORDS, WORDS, WORDS).map(lambda w: f"{w[0]}(?:{w[1]}|{w[2]})?"),
    WORDS.map(lambda w: f"^{w}"),
    WORDS.map(lambda w: f"{w}$"),
)
TEXTS = st.text(alphabet='abcZAz7 .@#&<>~"/\\-_]\t{}', max_size=12)


@given(PATTERNS, TEXTS, st.booleans())
def test_a_whole_value_matches_where_the_search_would_find_something(
    pattern: str, text: str, ignore_case: bool
) -> None:
    try:
        searched = re.compile(pattern, re.IGNORECASE | re.ASCII if ignore_case else re.ASCII)
    except re.error:
        return
    try:
        found = lucene_regex(pattern, ignore_case=ignore_case)
    except NotInLucene:
        return
    # What is written for Lucene stays within what Python reads the same way.
    assert bool(re.fullmatch(found, text, re.DOTALL)) == bool(searched.search(text)), found


@given(PATTERNS)
def test_no_sign_that_lucene_reads_as_an_operator_stays_bare(pattern: str) -> None:
    try:
        found = lucene_regex(pattern)
    except NotInLucene:
        return
    bare = re.sub(r"\\.", "", found, flags=re.DOTALL)
    assert not re.search('[@#&<>~"/]', bare)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("abc", ".*(abc).*"),
        ("^abc$", "(abc)"),
        ("a|b", ".*(a|b).*"),
        (r"cmd\.exe /c \d{2,4}", r".*(cmd\.exe \/c [0-9]{2,4}).*"),
        (r"(?:x|y)+?z", ".*((x|y)+z).*"),
        ("a{,3}b", ".*(a{0,3}b).*"),
        (r"^\\\\srv", r"(\\\\srv).*"),
    ],
)
def test_expressions_are_written_as_expected(pattern: str, expected: str) -> None:
    assert lucene_regex(pattern) == expected


def test_small_and_capital_letters_are_spelt_out() -> None:
    assert lucene_regex("^aB[c-e]7$", ignore_case=True) == "([aA][bB][c-eC-E]7)"


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        (r"a(?=b)", "(?"), (r"(?i)a", "(?"), (r"a\b", r"\b"), (r"(a)\1", r"\1"), ("^a|b", "anchor"),
        ("a^b", "^"), (r"[\W]", r"\W"), ("a++", "possessive"),
    ],
)  # fmt: skip
def test_what_lucene_has_no_equal_for_is_refused_by_name(pattern: str, named: str) -> None:
    with pytest.raises(NotInLucene, match=re.escape(named)):
        lucene_regex(pattern)
