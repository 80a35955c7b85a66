"""Translates a Sigma rule into a selection of Elasticsearch and its fields into those of ECS."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from scoreback.connectors.doors import SigmaTranslation

if TYPE_CHECKING:
    from sigma.rule import SigmaDetectionItem

# Multi-fields: searched under that name, but no part of the event itself.
_MULTI_FIELD = re.compile(r"\.(caseless|text|keyword)$")
_NARROW = "narrow the index to the data streams of this log source"
_CASE = (
    "Sigma ignores case; a keyword or wildcard field matches as it is written here, and a text"
    " field holds single words, so a pattern across blanks or slashes finds nothing in it"
)
_SLOW = "it looks for words in every field, which is slow; name the field"


class ElasticSigma:
    """Selects by a Lucene query; its events have the names of ECS."""

    needs: ClassVar[tuple[str, ...]] = ("sigma.backends.elasticsearch",)

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """The rule's query, and the names of its fields in ECS."""
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
    """Where nothing maps a multi-field, its rule was written for ECS and only the end goes."""
    multi = {name: name for name in fields if _MULTI_FIELD.search(name)}
    return {name: _MULTI_FIELD.sub("", to) for name, to in {**multi, **mapped}.items()}
