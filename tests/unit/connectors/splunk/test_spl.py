"""Names and values in our searches are quoted so that they stay names and values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk import spl
from scoreback.connectors.splunk.reading.selection import event_id
from scoreback.errors import SiemRefused

NASTY = st.text(st.sampled_from(list("ab.|[]()\"'`\\* \n\t={}$")), max_size=20)


@given(st.one_of(NASTY, st.text(max_size=20)))
def test_a_value_is_read_back_as_it_is_or_refused(value: str) -> None:
    if re.search(r"[\x00-\x1f\x7f`*]", value):
        with pytest.raises(SiemRefused, match="cannot be searched for"):
            spl.text(value)
        return
    quoted = spl.text(value)
    inside = re.fullmatch(r'"((?:[^"\\]|\\["\\])*)"', quoted)
    assert inside is not None
    assert re.sub(r'\\(["\\])', r"\1", inside[1]) == value


@given(st.one_of(NASTY, st.text(max_size=20)))
def test_a_name_holds_nothing_that_ends_its_quotes_or_is_refused(name: str) -> None:
    try:
        quoted = {spl.value_of(name), spl.column(name)}
    except SiemRefused:
        return
    assert quoted == {f"'{name}'", f'"{name}"'}
    assert not set("\"'|[]()\\`*,=<>!\n\0") & set(name)


@pytest.mark.parametrize(
    "name", ["src", "source.ip", "a{}.b", "Account Name", "x-forwarded-for", "größe", "win:id"]
)
def test_names_as_splunk_has_them_are_taken(name: str) -> None:
    assert spl.check_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a\n", 'a"', "a'b", "a*", "a|b", "a,b", "a[0]"])
def test_what_would_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(SiemRefused, match="not a valid field name"):
        spl.check_name(name)


def test_an_id_of_several_fields_tells_where_each_ends() -> None:
    assert event_id(("a", "b")) == (
        "coalesce(sha256(len('a').\":\".'a'.len('b').\":\".'b'),"
        'sha256(_time.":".host.":".source.":"._raw))'
    )
    assert event_id(("a",)).startswith("coalesce(tostring('a'),sha256(")
    assert event_id(()).startswith("coalesce('scoreback_event_id',sha256(")
