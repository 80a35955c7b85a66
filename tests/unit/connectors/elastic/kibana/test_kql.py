"""A value in Kibana's query language is a value, whatever stands in it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.kql import kql

UNESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def test_conditions_are_joined() -> None:
    assert kql({"a": "x", "b": True}) == 'a : "x" and b : true'
    assert kql({"a": ("x", "y")}, absent=["c"]) == 'a : ("x" or "y") and not c : *'
    assert kql({"a": "x"}, without={"a": ("y", "z")}) == 'a : "x" and not a : ("y" or "z")'
    assert kql({}) == ""


@given(st.text())
def test_a_value_is_one_quoted_text_that_reads_back_as_it_was(value: str) -> None:
    found = re.fullmatch(r'a : "((?:[^"\\\n\r\t]|\\.)*)"', kql({"a": value}), re.DOTALL)
    assert found is not None
    plain = re.sub(r"\\(.)", lambda m: UNESCAPED.get(m[1], m[1]), found[1], flags=re.DOTALL)
    assert plain == value
