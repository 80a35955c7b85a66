"""A selection selects: whatever a detector's file says, our search stays the search that we wrote.

How Splunk reads quotes is asked of two readers: one for which ' quotes too, one for which it does
not. What is accepted has to be one command for both.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk.reading.grammar import parsed
from scoreback.errors import SiemRefused

ACCEPTED = [
    "index=ids sourcetype=suricata event_type=alert",
    'index=ids (signature="a | b" OR signature="[x]") NOT src=10.0.0.0/8',
    'index=win EventCode IN (4624, 4625) "failed login"',
    'index=win process="C:\\\\Windows\\\\*" user=ACME\\\\ada',
    "index=win TERM(10.0.0.1) CASE(Ada)",
    'index=x name="a \\"quoted\\" | word"',
    "index=x earliest_seen=5 my.latest=4",
    'index=x user="o\'brien" "a | b"',
    "`ids_index` event_type=alert",
    "index=x\n  sourcetype=y",
    "index=x search=failed",
]
REFUSED = [
    ("", "empty"),
    ("  \n ", "empty"),
    ("| tstats count", "|"),
    ("index=x | delete", "|"),
    ('index=x "a" | delete', "|"),
    ("index=x [search index=y | fields src]", "subsearch"),
    ("index=x ]", "subsearch"),
    ('index=x "a', "quote"),
    ('index=x "a\\"', "quote"),
    ("index=x (a", "parenthesis"),
    ("index=x) OR (index=*", "parenthesis"),
    ("search index=x", "search"),
    ("index=x earliest=0", "earliest"),
    ("index=x LATEST = now", "LATEST"),
    ("index=x _index_earliest=-1h", "_index_earliest"),
    ("index=x _index_latest>5", "_index_latest"),
    ('index=x "earliest"=5', "earliest"),
    ("index=x daysago=3", "daysago"),
    ("savedsearch=other", "savedsearch"),
    ("index=x ``` a comment ```", "comment"),
    ("index=x `half", "`"),
    ("index=x `|`", "not a macro call"),
    ("index=x `a b`", "not a macro call"),
    ('index=x "`m`"', "`"),
    ("index=x \\| delete", "\\"),
    ('index=x \\"a', "\\"),
    ("index=x a\\", "\\"),
    ("index=x '\"' | delete \"'", "ambiguous"),
    ('index=x user=o\'brien "failed"', "ambiguous"),
    ("index=x \x00", "control"),
    ("index=x " + "a" * 20_001, "longer"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_terms_that_select_are_taken_as_they_are(text: str) -> None:
    assert parsed(text).text == text


@pytest.mark.parametrize(("text", "named"), REFUSED)
def test_what_would_do_more_is_refused_in_words(text: str, named: str) -> None:
    with pytest.raises(SiemRefused, match="is not valid") as refused:
        parsed(text)
    assert named in refused.value.message
    assert "without pipes" in refused.value.hint


def test_macros_are_named_in_order() -> None:
    found = parsed('`a` x=1 `b(1, "x y")` `a`')
    assert found.macros == ("a", 'b(1, "x y")', "a")


NASTY = st.text(st.sampled_from(list("ab=|[]()\"'`\\* \n<>!,:")), max_size=25)
WORDS = st.sampled_from(
    ["index=x", '"a | b"', "earliest=1", "[search y]", "| delete", '\\"', "'", "`m`", "(", ")", '"']
)


@given(st.one_of(NASTY, st.lists(WORDS, max_size=8).map(" ".join)))
def test_an_accepted_search_is_one_command_however_quotes_are_read(text: str) -> None:
    try:
        macros = parsed(text).macros
    except SiemRefused:
        return  # that is what is refused; what is not is looked at
    if macros:
        return  # never sent as they stand: `reading.macros` puts something else in their place
    ours = f"search ({text}) _index_earliest=5 | stats count AS rows"
    for apostrophes in (True, False):
        commands, brackets, depth = read(ours, apostrophes=apostrophes)
        assert len(commands) == 2, (commands, apostrophes)
        assert commands[0].endswith("_index_earliest=5 ")
        assert (brackets, depth) == (0, 0)


def read(search: str, *, apostrophes: bool) -> tuple[list[str], int, int]:
    """Its commands, how many brackets it has outside of quotes, and parentheses left open."""
    commands, quote, brackets, depth, at = [""], "", 0, 0, 0
    while at < len(search):
        sign = search[at]
        if sign == "\\":
            commands[-1] += search[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if sign == quote else quote
        elif sign == '"' or (sign == "'" and apostrophes):
            quote = sign
        elif sign == "|":
            commands.append("")
            at += 1
            continue
        elif sign in "[]":
            brackets += 1
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        commands[-1] += sign
        at += 1
    return commands, brackets, depth
