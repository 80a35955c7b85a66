"""Reads Sigma rules with pySigma: the part that all translators share.

Needs the extra ``sigma``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.conversion.base import TextQueryBackend
from sigma.conversion.state import ConversionState
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import SigmaRegularExpression, SigmaType

_SHOWN = 60  # characters of a value in a message


def parsed(rule: Mapping[str, object]) -> SigmaRule:
    """A fresh copy of the rule for each caller, because conversion writes into it.

    Raises:
        SigmaError, ValueError, TypeError, AttributeError, KeyError: the rule is not valid; pySigma
            reads values before it checks their types.
    """
    return SigmaRule.from_dict(dict(rule))


def items(rule: SigmaRule) -> list[SigmaDetectionItem]:
    """The rule's detection items in order, without the operators between them."""
    return [item for d in rule.detection.detections.values() for item in _items_of(d)]


def values(item: SigmaDetectionItem) -> list[SigmaType]:
    """The values that *item* compares with."""
    return item.value if isinstance(item.value, list) else [item.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The query of a rule, or the reason why there is none, and what the query leaves out."""

    query: str = ""
    why_not: str = ""
    left_out: tuple[str, ...] = ()


def converted(
    backend: TextQueryBackend, rule: SigmaRule, refuses: Callable[[str], str] | None = None
) -> Converted:
    """The query of *rule*, without the parts that the backend cannot express.

    Leaving a part out must never lose a match, so the query finds all that the rule finds, and
    more. In an "and" the other parts stay; in an "or" none of them can stay.

    Args:
        backend: translates, with the pipeline that it was made with.
        rule: is modified, because pipelines write into rules.
        refuses: says why the SIEM's connector would refuse the query of a part, or "".

    Raises:
        SigmaError: the condition of the rule cannot be read.
    """
    try:
        backend.init_processing_pipeline()
        pipeline = backend.last_processing_pipeline
        pipeline.apply(rule)
    except (SigmaError, NotImplementedError) as error:
        return Converted(why_not=sentence(error))
    conditions = [condition.parsed for condition in rule.detection.parsed_condition]
    parts = _Parts(backend, refuses)
    queries = []
    try:
        for index, condition in enumerate(conditions):
            kept = parts.widest(condition)
            if kept is True:
                return Converted(why_not="; ".join(parts.left_out))
            state = ConversionState(processing_state=dict(pipeline.state))
            query = backend.finish_query(rule, backend.convert_condition(kept, state), state)
            queries.append(
                str(backend.finalize_query(rule, query, index, state, backend.default_format))
            )
    except (SigmaError, NotImplementedError) as error:
        return Converted(why_not=sentence(error))
    whole = queries[0] if len(queries) == 1 else " OR ".join(f"({query})" for query in queries)
    return Converted(query=whole, left_out=tuple(parts.left_out))


@dataclass(slots=True)
class _Parts:
    """A rule's condition without what the backend cannot express, made only as wide as necessary.

    A part that is left out becomes true where that widens the whole, and false within a *not*. Each
    walk returns a condition, or True or False where nothing of it stays.
    """

    backend: TextQueryBackend
    refuses: Callable[[str], str] | None
    left_out: list[str] = field(default_factory=list)

    def widest(self, part: Any, instead: bool = True) -> Any:  # noqa: ANN401 - pySigma's union
        """*part*, with *instead* in place of what cannot be expressed."""
        if isinstance(part, ConditionNOT):
            inner = self.widest(part.args[0], not instead)
            return not inner if isinstance(inner, bool) else ConditionNOT([inner])
        if isinstance(part, ConditionAND | ConditionOR):
            decides = isinstance(part, ConditionOR)  # the value of one argument that decides
            kept = [self.widest(argument, instead) for argument in part.args]
            if any(found is decides for found in kept):
                return decides
            kept = [found for found in kept if not isinstance(found, bool)]
            if len(kept) > 1:
                return type(part)(kept)
            return kept[0] if kept else not decides
        why_not = self._why_not(part)
        if not why_not:
            return part
        said = f"{_in_words(part)}: {why_not}"
        if said not in self.left_out:
            self.left_out.append(said)
        return instead

    def _why_not(self, part: Any) -> str:  # noqa: ANN401
        pipeline = self.backend.last_processing_pipeline
        state = ConversionState(processing_state=dict(pipeline.state))
        try:
            query = self.backend.convert_condition(part, state)
        except (SigmaError, NotImplementedError) as error:
            return sentence(error)
        if state.has_deferred():
            return "it needs a pipe, and a selection has none"
        return self.refuses(str(query)) if self.refuses else ""


def _in_words(part: Any) -> str:  # noqa: ANN401
    value = part.value
    text = f"/{value.regexp}/" if isinstance(value, SigmaRegularExpression) else str(value)
    name = f"{part.field} " if isinstance(part, ConditionFieldEqualsValueExpression) else ""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{name}{shown}"


def left_out(part: str) -> str:
    """The hint that the selection leaves out *part* of the rule."""
    return f"left out, so the selection finds more than the rule: {part}"


def unmapped(names: Iterable[str]) -> str:
    """The hint that the fields *names* are written as in the rule."""
    return f"named as in the rule; replace with the names in your events: {', '.join(names)}"


def sentence(error: Exception) -> str:
    """*error* as one line without its final full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r" ?\(while converting rule .*?\)", "", text)
    return text[:300].rstrip(".")


def _items_of(detection: SigmaDetection) -> list[SigmaDetectionItem]:
    found: list[SigmaDetectionItem] = []
    for item in detection.detection_items:
        found += _items_of(item) if isinstance(item, SigmaDetection) else [item]
    return found
