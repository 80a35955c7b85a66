"""What a SIEM cannot say of a Sigma rule is left out, so that nothing the rule finds is lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sigma.backends.elasticsearch import LuceneBackend
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.types import SigmaString

from scoreback.connectors.sigma_rules import _Parts

Condition = Any  # a part of a condition, as pySigma has it
FIELDS = [f"said{n}" for n in range(4)] + [f"unsaid{n}" for n in range(3)]


def leaf(name: str) -> ConditionFieldEqualsValueExpression:
    return ConditionFieldEqualsValueExpression(name, SigmaString("x"))


def holds(part: Condition, true: set[str]) -> bool:
    if isinstance(part, bool):
        return part
    if isinstance(part, ConditionNOT):
        return not holds(part.args[0], true)
    if isinstance(part, ConditionAND):
        return all(holds(argument, true) for argument in part.args)
    if isinstance(part, ConditionOR):
        return any(holds(argument, true) for argument in part.args)
    return part.field in true


def fields_of(part: Condition) -> set[str]:
    if isinstance(part, bool):
        return set()
    if isinstance(part, ConditionFieldEqualsValueExpression):
        return {part.field}
    return set().union(*(fields_of(argument) for argument in part.args))


def conditions(names: list[str]) -> st.SearchStrategy[Condition]:
    return st.recursive(
        st.sampled_from(names).map(leaf),
        lambda inner: st.one_of(
            inner.map(lambda part: ConditionNOT([part])),
            st.lists(inner, min_size=2, max_size=3).map(ConditionAND),
            st.lists(inner, min_size=2, max_size=3).map(ConditionOR),
        ),
        max_leaves=8,
    )


def parts() -> _Parts:
    backend = LuceneBackend()
    backend.init_processing_pipeline()
    return _Parts(backend, lambda query: "it is not said" if "unsaid" in query else "")


@given(condition=conditions(FIELDS), true=st.sets(st.sampled_from(FIELDS)))
def test_what_the_rule_finds_is_found_without_the_parts_that_cannot_be_said(
    condition: Condition, true: set[str]
) -> None:
    kept = parts().widest(condition)
    assert not [name for name in fields_of(kept) if name.startswith("unsaid")]
    if holds(condition, true):
        assert holds(kept, true)


@given(condition=conditions(FIELDS[:4]), true=st.sets(st.sampled_from(FIELDS)))
def test_a_rule_that_can_be_said_whole_finds_the_same(condition: Condition, true: set[str]) -> None:
    found = parts()
    assert holds(found.widest(condition), true) == holds(condition, true)
    assert not found.left_out
