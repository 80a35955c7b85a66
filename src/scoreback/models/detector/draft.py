"""Drafts a detector file from a sample of events: a start to read and change, never a verdict.

Every field is either used, with what for, or left out, with why. Nothing is learnt here: names,
types and how often values come again decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from scoreback.models.detector.features import WRITTEN_AFTER_CLOSING, is_or_is_under
from scoreback.models.detector.profile import MOST_VALUES, Field

_ENTITIES = (
    "host.name", "source.ip", "user.name", "host.ip", "destination.ip", "host.id", "user.id",
    "process.entity_id", "vulnerability.id",
)  # fmt: skip
_LABEL_WORDS = frozenset(
    ("label", "verdict", "outcome", "disposition", "truth", "malicious", "attack",
     "resolution", "classification", "class", "target", "kev", "exploited",
     "exploitation", "intrusion")
)  # fmt: skip
_AFTERWARDS = frozenset(
    ("closed", "resolution", "resolved", "assignee", "analyst", "verdict", "disposition",
     "status", "owner", "comment", "comments", "outcome", "triage", "escalated")
)  # fmt: skip
_POSITIVE = frozenset(
    ("true positive", "malicious", "attack", "anom", "anomaly", "bad", "1", "true", "yes",
     "exploited", "intrusion", "compromised", "threat")
)  # fmt: skip
_NEGATIVE = frozenset(
    ("false positive", "benign", "normal", "norm", "good", "0", "false", "no", "ok", "-", "none",
     "legitimate", "background")
)  # fmt: skip
_RARELY = 0.5  # share of events without a field, from which on it is left out
_NAMES = 1000  # values of a category, at most
_MOST_WINDOWS = 3  # categories whose habits are followed
_NO_WRAPPING = 2**31


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one field."""

    field: str
    use: str  # label, entity, features, or left out
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A detector file, and what became of each field of the sample."""

    text: str
    choices: tuple[Choice, ...]
    complete: bool  # has a label; without one the file asks for it


def draft(
    name: str, siem: str, selection: Mapping[str, str], fields: Sequence[Field], events: int
) -> Draft:
    """Draft the file of the detector *name* for *selection* in *siem*, from *events* events."""
    entity = _entity(fields)
    labels = {f.name: _label(f) for f in fields if _could_be_label(f)}
    label = next((f for f in fields if not labels.get(f.name, "no")), None)
    time = next((f for f in fields if f.kind == "time" and f.words & _AFTERWARDS), None)
    choices: list[Choice] = []
    features: list[dict[str, object]] = []
    categories: list[str] = []
    for field in fields:
        if field is label:
            choices.append(Choice(field.name, "label", f"values: {', '.join(field.values)}"))
            continue
        if labels.get(field.name):
            choices.append(Choice(field.name, "refused as a label", labels[field.name]))
        why = _left_out(field)
        if why or field.name in labels:
            why = why or "it may tell the answer; use it as a feature only if it is known in time"
            choices.append(Choice(field.name, "left out", why))
            continue
        if field.name == entity:
            choices.append(Choice(field.name, "entity", f"{field.distinct:,} differ"))
            if field.kind == "address":
                features.append({"is_private_ip": field.name})
            continue
        mine = _features(field)
        features += mine
        if "category" in mine[0]:
            categories.append(field.name)
        choices.append(Choice(field.name, "features", ", ".join(next(iter(f)) for f in mine)))
    features.append({"hour_of_day": "event_time"})
    features += windows(entity, categories)
    text = _text(name, siem, selection, entity, label, time, features, events)
    return Draft(text, tuple(choices), label is not None)


def _entity(fields: Sequence[Field]) -> str:
    known = {field.name: field for field in fields}
    for name in _ENTITIES:
        if name in known and known[name].missing < _RARELY:
            return name
    coming_again = [
        f for f in fields
        if f.kind in ("name", "address") and f.distinct >= 5 and f.repeats >= 3
        and not f.words & _AFTERWARDS and f.noun not in _LABEL_WORDS
    ]  # fmt: skip
    if coming_again:
        return max(coming_again, key=lambda f: f.distinct).name
    return fields[0].name if fields else "host.name"


def _could_be_label(field: Field) -> bool:
    told = {_plain(value) for value in field.values}
    both = bool(told & _POSITIVE) and bool(told & _NEGATIVE)
    return field.noun in _LABEL_WORDS or (both and field.kind != "number")


def _label(field: Field) -> str:
    """Why *field* is no label; empty where it can be one."""
    if not field.present:
        return "it is empty in the sample"
    if field.distinct < 2:
        return f"its only value is {field.values[0]!r}"
    if field.distinct > MOST_VALUES:
        return f"{field.distinct:,} values differ; a label has few"
    if field.kind == "time":
        return "it is a time"
    if not {_plain(value) for value in field.values} & _POSITIVE:
        return "no value of it is known to mean an attack; name it yourself if one does"
    return ""


def _left_out(field: Field) -> str:
    if not field.present:
        return "it is empty in the sample"
    if field.distinct == 1:
        return f"it is always {field.values[0]!r}"
    if field.kind == "identifier":
        return "it names things: hashes, identifiers"
    if field.kind == "time":
        return "a time never comes again"
    if any(is_or_is_under(field.name, written) for written in WRITTEN_AFTER_CLOSING):
        return "it is written after an alert is closed"
    if field.words & _AFTERWARDS:
        return "by its name it is written once the answer is known"
    if field.missing > _RARELY and field.kind != "number":
        return f"{field.missing:.0%} of events lack it"
    if field.kind == "name" and (field.repeats < 1.5 or field.distinct > _NAMES):
        return f"{field.distinct:,} values in {field.present:,} events: it names, it does not tell"
    return ""


def _features(field: Field) -> list[dict[str, object]]:
    name = field.name
    if field.kind == "number":
        few = field.distinct <= MOST_VALUES or field.words & {"id", "code", "sid"}
        return [{"category": name}] if few else [{"number": name}]
    if field.kind == "address":
        return [{"is_private_ip": name}]
    if field.kind == "text" and field.repeats < 20:
        return [{"ngrams": name}, {"length": name}, {"entropy": name}]
    return [{"category": name}]


def windows(entity: str, categories: Sequence[str]) -> list[dict[str, object]]:
    """Window features that follow the habits of *entity*."""
    found: list[dict[str, object]] = [{"count": "events", "by": entity, "over": "1h"}]
    for name in categories[:_MOST_WINDOWS]:
        found.append({"distinct": name, "by": entity, "over": "1h"})
        found.append({"rarity": name, "by": entity, "over": "7d"})
    return found


def _text(
    name: str, siem: str, selection: Mapping[str, str], entity: str, label: Field | None,
    time: Field | None, features: Sequence[Mapping[str, object]], events: int,
) -> str:  # fmt: skip
    lines = [
        f"# Drafted from {events:,} events. Read every line: names and types were looked at,",
        "# not what the fields mean, nor when they are filled in.",
        f"name: {flow(name)}",
        "use_case: threat_detection         # or incident_response, vulnerability_management",
        "events:",
        f"  {siem}: {flow(dict(selection))}",
        f"entity: {flow(entity)}",
        "labels:",
    ]
    if label is None:
        lines += [
            "  # No field of the sample is a label that could be read; see what was refused.",
            "  verdicts: {join: event}          # how analysts closed alerts",
        ]
    else:
        positive = [v for v in label.values if _plain(v) in _POSITIVE]
        negative = [v for v in label.values if _plain(v) in _NEGATIVE]
        open_ = [v for v in label.values if v not in (*positive, *negative)]
        lines += ["  field:", f"    name: {flow(label.name)}", f"    positive: {flow(positive)}"]
        lines += [f"    negative: {flow(negative)}"] if negative else []
        if open_:
            lines.append(f"    # neither, so unlabelled until you say: {flow(open_)}")
        if time is not None:
            lines.append(f"    time: {flow(time.name)}")
        else:
            lines.append(
                "    delay: 1d                      # how long after the event it is known"
            )
    lines += [
        "  mature_after: 7d                 # younger days are neither learnt from nor judged"
    ]
    lines += ["features:", *(f"  - {flow(dict(feature))}" for feature in features)]
    lines += ["alerts: {budget: 20/day}           # how many your team can read"]
    return "\n".join(lines) + "\n"


def _plain(value: str) -> str:
    return " ".join(value.lower().replace("_", " ").split())


def flow(value: object) -> str:
    """*value* as YAML on one line, as long as no text in it holds a line break."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=_NO_WRAPPING, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
