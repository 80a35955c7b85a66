"""Reads one Sigma rule and asks pySigma's backends for its selection in the words of each SIEM.

Needs the extra ``sigma``. pySigma's own exceptions end here: they become a `ConfigError` that names
the file, or the reason why a SIEM has no selection.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sigma.backends.elasticsearch import LuceneBackend
from sigma.backends.splunk import SplunkBackend
from sigma.conditions import ConditionFieldEqualsValueExpression
from sigma.conversion.base import TextQueryBackend
from sigma.conversion.state import ConversionState
from sigma.exceptions import SigmaError, SigmaFeatureNotSupportedByBackendError
from sigma.pipelines.elasticsearch import ecs_kubernetes, ecs_macos_esf, ecs_windows, ecs_zeek_beats
from sigma.pipelines.splunk import splunk_windows_pipeline
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import (
    SigmaNull,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaType,
)

from scoreback.errors import ConfigError
from scoreback.models.detector.located_yaml import read_text
from scoreback.service.sigma.lucene_regex import NotInLucene, lucene_regex

# Sigma's names for web, network, DNS and processes outside Windows; pySigma has no pipeline there.
_ECS: dict[str | None, str | list[str]] = {
    "c-uri": "url.original", "c-uri-query": "url.query", "c-uri-stem": "url.path",
    "cs-uri-query": "url.query", "cs-uri-stem": "url.path", "cs-host": "url.domain",
    "c-useragent": "user_agent.original", "cs-user-agent": "user_agent.original",
    "cs-method": "http.request.method", "cs-referer": "http.request.referrer",
    "cs-referrer": "http.request.referrer", "sc-status": "http.response.status_code",
    "c-ip": "source.ip", "src_ip": "source.ip", "src_port": "source.port",
    "dst_ip": "destination.ip", "dst_port": "destination.port", "query": "dns.question.name",
    "QueryName": "dns.question.name", "record_type": "dns.question.type",
    "Image": "process.executable", "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory", "User": "user.name",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line", "TargetFilename": "file.path",
    "DestinationIp": "destination.ip", "DestinationPort": "destination.port",
    "DestinationHostname": "destination.domain", "SourceIp": "source.ip",
}  # fmt: skip
_PIPELINES: Mapping[str, Callable[[], ProcessingPipeline]] = {
    "windows": ecs_windows, "macos": ecs_macos_esf, "kubernetes": ecs_kubernetes,
    "zeek": ecs_zeek_beats,
}  # fmt: skip
_OPERATORS = frozenset(("AND", "OR", "NOT", "TO"))
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# Multi-fields: searched under that name, but no part of the event itself.
_MULTI_FIELD = re.compile(r"\.(caseless|text|keyword)$")


@dataclass(frozen=True, slots=True)
class RuleField:
    """A field that the rule asks for."""

    name: str  # in the rule
    event_name: str  # in events that follow ECS, as far as a mapping is known
    mapped: bool
    values: tuple[str, ...]  # that it is compared with, as the rule writes them
    exact: bool  # compared with whole values only

    @property
    def constant(self) -> bool:
        """Whether the rule asks for one whole value only."""
        return self.exact and len(set(self.values)) == 1


@dataclass(frozen=True, slots=True)
class Selection:
    """The rule's events in one SIEM, or why they cannot be said there."""

    words: Mapping[str, object]
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a draft needs of a Sigma rule."""

    title: str
    author: str
    level: str  # "" where the rule has none
    techniques: tuple[str, ...]  # MITRE ATT&CK, in the order of the rule
    logsource: Mapping[str, str]
    fields: tuple[RuleField, ...]
    keywords: bool  # it searches for words in any field
    selections: Mapping[str, Selection]  # by SIEM


def read_rule(path: Path) -> Rule:
    """Read the one Sigma rule of the file *path*.

    Raises:
        ConfigError: the file is not one plain Sigma rule, or no SIEM can select its events.
    """
    document = _one_document(path)
    title = document.get("title")
    if isinstance(title, str) and not title.strip():
        del document["title"]  # an empty one is none
    try:
        rule = SigmaRule.from_dict(document)
        elastic = _elastic(SigmaRule.from_dict(document))
        splunk = _splunk(SigmaRule.from_dict(document))
    # pySigma reads values before it looks at their types.
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError(
            f"{path} is no Sigma rule that can be read: {_sentence(error)}",
            hint="check it with `sigma check`, or against the specification of Sigma rules",
        ) from error
    mapping, selections = elastic[0], {"elastic": elastic[1], "splunk": splunk}
    if all(selection.why_not for selection in selections.values()):
        reasons = "; ".join(f"{siem}: {s.why_not}" for siem, s in selections.items())
        raise ConfigError(
            f"{path}: its events cannot be selected in any SIEM ({reasons})",
            hint="take that part out of the rule, or write the selection yourself",
        )
    source = rule.logsource
    parts = {"product": source.product, "category": source.category, "service": source.service}
    items = [item for d in rule.detection.detections.values() for item in _items(d)]
    return Rule(
        title=" ".join(rule.title.split()),
        author=" ".join((rule.author or "").split()),
        level=rule.level.name.lower() if rule.level else "",
        techniques=tuple(_techniques(rule)),
        logsource={name: value for name, value in parts.items() if value},
        fields=tuple(_fields(items, mapping)),
        keywords=any(item.field is None for item in items),
        selections=selections,
    )


def _one_document(path: Path) -> dict[str, object]:
    try:
        documents = list(yaml.safe_load_all(read_text(path)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a day like 2024-99
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or _sentence(error)
        raise ConfigError(f"{where}: not YAML: {problem}", hint="name a Sigma rule") from error
    documents = [document for document in documents if document is not None]
    if len(documents) != 1:
        raise ConfigError(
            f"{path} holds {len(documents) or 'no'} rules, not one",
            hint="split it: one rule, one file, one detector",
        )
    document = documents[0]
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is no Sigma rule: it is not a mapping", hint="name another file")
    for key, what in (("correlation", "a correlation rule"), ("filter", "a Sigma filter"),
                      ("action", "a rule collection")):  # fmt: skip
        if key in document:
            raise ConfigError(
                f"{path} is {what}, not a rule about single events",
                hint="import the rules that it refers to; window features count over time",
            )
    return document


def _elastic(rule: SigmaRule) -> tuple[Mapping[str, str], Selection]:
    """The rule's fields under their names in events, and its selection."""
    product = rule.logsource.product or ""
    pipeline = _PIPELINES[product]() if product in _PIPELINES else _plain_ecs()
    backend = _Lucene(pipeline)
    query, why = _converted(backend, rule)
    found = backend.last_processing_pipeline.field_mappings
    mapping = {name: min(targets) for name, targets in found.items() if name and targets}
    if why:
        return mapping, Selection({}, why)
    return mapping, Selection({"index": "logs-*", "query": query})


def _splunk(rule: SigmaRule) -> Selection:
    pipeline: ProcessingPipeline = splunk_windows_pipeline()  # type: ignore[no-untyped-call]
    backend = SplunkBackend(pipeline)
    query, why = _converted(backend, rule)
    if not why and "|" in _QUOTED.sub("", query):
        why = "it needs a pipe (| regex, | where), and events are a selection only"
    return Selection({}, why) if why else Selection({"search": query})


def _converted(backend: TextQueryBackend, rule: SigmaRule) -> tuple[str, str]:
    """The query, or why there is none."""
    try:
        queries = [str(query) for query in backend.convert_rule(rule)]
    except (SigmaError, NotImplementedError) as error:
        return "", _sentence(error)
    if len(queries) > 1:
        return " OR ".join(f"({query})" for query in queries), ""
    return queries[0], ""


def _plain_ecs() -> ProcessingPipeline:
    return ProcessingPipeline(items=[ProcessingItem(FieldMappingTransformation(_ECS))])


class _Lucene(LuceneBackend):
    """pySigma's backend, where its words would mean something else to a ``query_string``."""

    def convert_value_str(self, s: SigmaString, state: ConversionState) -> str:
        """Quote what reads as an operator, or as a range, which no escaping prevents."""
        plain = str(s)
        if not s.contains_special() and (plain in _OPERATORS or plain[:1] in ("<", ">")):
            inner = re.sub(r'(["\\])', r"\\\1", plain)
            return f'"{inner}"'
        return str(super().convert_value_str(s, state))

    def convert_condition_field_eq_val_re(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Search, as Sigma does: Lucene matches whole values."""
        del state
        value = cond.value
        if not isinstance(value, SigmaRegularExpression):
            raise TypeError(f"no regular expression: {type(value)}")
        ignore_case = SigmaRegularExpressionFlag.IGNORECASE in value.flags
        try:
            found = lucene_regex(str(value.regexp), ignore_case=ignore_case)
        except NotInLucene as error:
            raise SigmaFeatureNotSupportedByBackendError(
                f"Lucene's regular expressions have no {error}"
            ) from error
        return f"{self.escape_and_quote_field(cond.field)}:/{found}/"


def _techniques(rule: SigmaRule) -> list[str]:
    named = [tag.name.upper() for tag in rule.tags if tag.namespace == "attack"]
    known = [name for name in named if re.fullmatch(r"T\d{4}(\.\d{3})?", name)]
    return list(dict.fromkeys(known))


def _items(detection: SigmaDetection) -> list[SigmaDetectionItem]:
    found: list[SigmaDetectionItem] = []
    for item in detection.detection_items:
        found += _items(item) if isinstance(item, SigmaDetection) else [item]
    return found


def _fields(items: list[SigmaDetectionItem], mapping: Mapping[str, str]) -> list[RuleField]:
    by_name: dict[str, list[SigmaType]] = {}
    for item in items:
        if item.field is not None:
            by_name.setdefault(item.field, []).extend(_values(item))
    found: dict[str, RuleField] = {}
    for name, values in by_name.items():
        event_name = _MULTI_FIELD.sub("", mapping.get(name, name))
        field = RuleField(
            name=name,
            event_name=event_name,
            mapped=name in mapping,
            values=tuple(str(v) for v in values if not isinstance(v, SigmaNull)),
            exact=all(_is_whole(value) for value in values),
        )
        found.setdefault(event_name, field)
    return list(found.values())


def _values(item: SigmaDetectionItem) -> list[SigmaType]:
    return item.value if isinstance(item.value, list) else [item.value]


def _is_whole(value: SigmaType) -> bool:
    if isinstance(value, SigmaString):
        return not value.contains_special()
    return type(value).__name__ in ("SigmaNumber", "SigmaBool")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r" ?\(while converting rule .*?\)", "", text)
    return text[:300].rstrip(".")
