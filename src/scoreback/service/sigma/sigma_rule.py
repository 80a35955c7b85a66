"""Reads one Sigma rule and has it translated for each SIEM.

Needs the extra ``sigma``. pySigma's own exceptions end here: they become a `ConfigError` that names
the file, or the reason why a SIEM has no selection.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetectionItem, SigmaRule
from sigma.types import SigmaNull, SigmaString, SigmaType

from scoreback.connectors.doors import SigmaTranslation
from scoreback.connectors.registry import sigma_translators
from scoreback.connectors.sigma_rules import items, parsed, sentence, values
from scoreback.errors import ConfigError
from scoreback.models.detector.located_yaml import read_text
from scoreback.service.sigma.as_written import AsWritten


@dataclass(frozen=True, slots=True)
class RuleField:
    """A field that the rule looks at."""

    name: str  # as in the rule
    event_name: str  # as in events, where a translator knows it
    mapped: bool
    values: tuple[str, ...]  # values that it is compared with, as the rule writes them
    exact: bool  # compared with whole values only

    @property
    def constant(self) -> bool:
        """Whether the rule asks for just one whole value."""
        return self.exact and len(set(self.values)) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a draft needs from a Sigma rule."""

    title: str
    author: str
    level: str  # "" where the rule has none
    techniques: tuple[str, ...]  # MITRE ATT&CK, in the order of the rule
    logsource: Mapping[str, str]
    fields: tuple[RuleField, ...]
    selections: Mapping[str, SigmaTranslation]  # by SIEM


def read_rule(path: Path) -> Rule:
    """Read the one Sigma rule of the file *path*.

    Raises:
        ConfigError: the file is not one plain Sigma rule, or no SIEM can select its events.
    """
    document = _one_document(path)
    title = document.get("title")
    if isinstance(title, str) and not title.strip():
        del document["title"]  # an empty one is none
    translators = sigma_translators()
    try:
        rule = parsed(document)
        selections = {siem: found.translate(document) for siem, found in translators.items()}
    # pySigma reads values before it looks at their types.
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError(
            f"{path} is not a valid Sigma rule: {sentence(error)}",
            hint="check it with `sigma check`, or against the specification of Sigma rules",
        ) from error
    reasons = {siem: s.why_not for siem, s in selections.items() if not s.fallback}
    if all(reasons.values()) and len(reasons) == len(selections):
        raise ConfigError(
            f"{path}: its events cannot be selected in any SIEM"
            f" ({'; '.join(f'{siem}: {why}' for siem, why in reasons.items())})",
            hint="remove that part of the rule, or write the selection yourself",
        )
    source = rule.logsource
    parts = {"product": source.product, "category": source.category, "service": source.service}
    return Rule(
        title=" ".join(rule.title.split()),
        author=" ".join((rule.author or "").split()),
        level=rule.level.name.lower() if rule.level else "",
        techniques=tuple(_techniques(rule)),
        logsource={name: value for name, value in parts.items() if value},
        fields=tuple(_fields(items(rule), _names(selections.values()))),
        selections=selections,
    )


def _one_document(path: Path) -> dict[str, object]:
    try:
        documents = list(yaml.load_all(read_text(path), AsWritten))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a day like 2024-99
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or sentence(error)
        raise ConfigError(f"{where}: not YAML: {problem}", hint="name a Sigma rule") from error
    documents = [document for document in documents if document is not None]
    if len(documents) != 1:
        raise ConfigError(
            f"{path} holds {len(documents) or 'no'} rules, not one",
            hint="split it: one rule, one file, one detector",
        )
    document = documents[0]
    if not isinstance(document, dict):
        raise ConfigError(
            f"{path} is not a Sigma rule: the file is not a mapping", hint="name another file"
        )
    for key, what in (("correlation", "a correlation rule"), ("filter", "a Sigma filter"),
                      ("action", "a rule collection")):  # fmt: skip
        if key in document:
            raise ConfigError(
                f"{path} is {what}, not a rule about single events",
                hint="import the rules that it refers to; window features count over time",
            )
    return document


def _techniques(rule: SigmaRule) -> list[str]:
    named = [tag.name.upper() for tag in rule.tags if tag.namespace == "attack"]
    known = [name for name in named if re.fullmatch(r"T\d{4}(\.\d{3})?", name)]
    return list(dict.fromkeys(known))


def _names(translations: Iterable[SigmaTranslation]) -> dict[str, str]:
    """The fields' names in events; if two translators know one, the first is believed."""
    found: dict[str, str] = {}
    for translation in translations:
        found = {**translation.names, **found}
    return found


def _fields(detection: list[SigmaDetectionItem], names: Mapping[str, str]) -> list[RuleField]:
    by_name: dict[str, list[SigmaType]] = {}
    for item in detection:
        if item.field is not None:
            by_name.setdefault(item.field, []).extend(values(item))
    found: dict[str, RuleField] = {}
    for name, asked in by_name.items():
        event_name = names.get(name, name)
        field = RuleField(
            name=name,
            event_name=event_name,
            mapped=name in names,
            values=tuple(str(v) for v in asked if not isinstance(v, SigmaNull)),
            exact=all(_is_whole(value) for value in asked),
        )
        found.setdefault(event_name, field)
    return list(found.values())


def _is_whole(value: SigmaType) -> bool:
    if isinstance(value, SigmaString):
        return not value.contains_special()
    return type(value).__name__ in ("SigmaNumber", "SigmaBool")
