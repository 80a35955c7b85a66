"""Sigma rules as pySigma reads them: what each SIEM's translator does in the same way.

Needs the extra ``sigma``.
"""

import re
from collections.abc import Mapping

from sigma.conversion.base import TextQueryBackend
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import SigmaType


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


def converted(backend: TextQueryBackend, rule: SigmaRule) -> tuple[str, str]:
    """The query, or why there is none."""
    try:
        queries = [str(query) for query in backend.convert_rule(rule)]
    except (SigmaError, NotImplementedError) as error:
        return "", sentence(error)
    if len(queries) > 1:
        return " OR ".join(f"({query})" for query in queries), ""
    return queries[0], ""


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
