"""Sigma rules as pySigma reads them: what each SIEM's translator does in the same way.

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

_SHOWN = 60  # characters of a value


def parsed(rule: Mapping[str, object]) -> SigmaRule:
    """A rule of its own for each caller, as conversion writes into it.

    Raises:
        SigmaError, ValueError, TypeError, AttributeError, KeyError: it is not a valid rule; pySigma
            reads values before it looks at their types.
    """
    return SigmaRule.from_dict(dict(rule))


def items(rule: SigmaRule) -> list[SigmaDetectionItem]:
    """What the rule asks for, in its order, without what combines it."""
    return [item for d in rule.detection.detections.values() for item in _items_of(d)]


def values(item: SigmaDetectionItem) -> list[SigmaType]:
    """The values that *item* compares with."""
    return item.value if isinstance(item.value, list) else [item.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The query of a rule, or why there is none, and what it leaves out."""

    query: str = ""
    why_not: str = ""
    left_out: tuple[str, ...] = ()


def converted(
    backend: TextQueryBackend, rule: SigmaRule, refuses: Callable[[str], str] | None = None
) -> Converted:
    """The query of *rule*, without the parts that the backend cannot say.

    A part is left out so that the query finds all that the rule finds, and more: of parts that all
    have to be true, the others stay; where one of several is enough, none of them can stay.

    Args:
        backend: translates, by the pipeline that it was made with.
        rule: is changed, as pipelines write into rules.
        refuses: says why the SIEM's connector would not take the query of a part; else "".

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
    """A rule's condition without what the backend cannot say: as wide as it has to be.

    Leaving a part out makes it true where that widens the whole, and false within a *not*. So each
    walk gives a condition, or True or False where nothing of it stays.
    """

    backend: TextQueryBackend
    refuses: Callable[[str], str] | None
    left_out: list[str] = field(default_factory=list)

    def widest(self, part: Any, instead: bool = True) -> Any:  # noqa: ANN401 - pySigma's union
        """*part*, with *instead* in place of what cannot be said."""
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
            return "it needs a pipe, and events are a selection only"
        return self.refuses(str(query)) if self.refuses else ""


def _in_words(part: Any) -> str:  # noqa: ANN401
    value = part.value
    text = f"/{value.regexp}/" if isinstance(value, SigmaRegularExpression) else str(value)
    name = f"{part.field} " if isinstance(part, ConditionFieldEqualsValueExpression) else ""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{name}{shown}"


def left_out(part: str) -> str:
    """The hint that *part* of the rule is not in the selection."""
    return f"left out, so that it finds more than the rule: {part}"


def unmapped(names: Iterable[str]) -> str:
    """The hint that the fields *names* stand as the rule writes them."""
    return f"named as in the rule; write the names that your events have: {', '.join(names)}"


def sentence(error: Exception) -> str:
    """What *error* says, on one line and without its end."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r" ?\(while converting rule .*?\)", "", text)
    return text[:300].rstrip(".")


def _items_of(detection: SigmaDetection) -> list[SigmaDetectionItem]:
    found: list[SigmaDetectionItem] = []
    for item in detection.detection_items:
        found += _items_of(item) if isinstance(item, SigmaDetection) else [item]
    return found
