"""Translates a Sigma rule into an Elasticsearch selection, and its fields into ECS names."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from scoreback.connectors.doors import SigmaTranslation

if TYPE_CHECKING:
    from sigma.rule import SigmaDetectionItem

# Multi-fields: searchable under this name, but not part of the event itself.
_MULTI_FIELD = re.compile(r"\.(caseless|text|keyword)$")
_NARROW = "narrow the index to the data streams of this log source"
_CASE = (
    "Sigma ignores case, but a keyword or wildcard field matches only the case written here; a"
    " text field holds single words, so a pattern with blanks or slashes never matches it"
)
_SLOW = "it looks for words in every field, which is slow; name the field"


class ElasticSigma:
    """Selects with a Lucene query; its events have ECS names."""

    needs: ClassVar[tuple[str, ...]] = ("sigma.backends.elasticsearch",)

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """The rule's query, and the ECS names of its fields."""
        from scoreback.connectors.elastic.sigma.ecs import pipeline_of
        from scoreback.connectors.elastic.sigma.lucene import Lucene
        from scoreback.connectors.sigma_rules import converted, items, left_out, parsed, unmapped

        own = parsed(rule)
        asked = items(own)
        fields = {item.field for item in asked if item.field is not None}
        hints = [_NARROW, _SLOW] if _has_keywords(asked) else [_NARROW]
        hints += [_CASE] if _has_texts(asked) else []
        backend = Lucene(pipeline_of(own.logsource.product))
        found = converted(backend, own)
        mapped = backend.last_processing_pipeline.field_mappings
        names = _names(fields, {name: min(to) for name, to in mapped.items() if name and to})
        if found.why_not:
            return SigmaTranslation(why_not=found.why_not, names=names)
        hints += (left_out(part) for part in found.left_out)
        strange = sorted(fields - set(names))
        hints += [unmapped(strange)] if strange else []
        words = {"index": "logs-*", "query": found.query}
        return SigmaTranslation(words=words, hints=tuple(hints), names=names)


def _has_texts(items: Iterable["SigmaDetectionItem"]) -> bool:
    from sigma.types import SigmaString

    from scoreback.connectors.sigma_rules import values

    return any(isinstance(value, SigmaString) for item in items for value in values(item))


def _has_keywords(items: Iterable["SigmaDetectionItem"]) -> bool:
    return any(item.field is None for item in items)


def _names(fields: Iterable[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """ECS names; a rule with an unmapped multi-field is in ECS already: drop only the suffix."""
    multi = {name: name for name in fields if _MULTI_FIELD.search(name)}
    return {name: _MULTI_FIELD.sub("", to) for name, to in {**multi, **mapped}.items()}
