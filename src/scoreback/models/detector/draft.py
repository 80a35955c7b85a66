"""Drafts a detector file from a sample of events, for people to read and edit.

Every field is either used or left out, each with a reason. The choice depends on names, types, how
often values repeat and, if the sample has a label, how much they tell about it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from scoreback.columns import flat
from scoreback.models.detector.draft_file import Contents, file_text, flow
from scoreback.models.detector.draft_time import Timing
from scoreback.models.detector.entity_choice import ITSELF, Entity, entity_among
from scoreback.models.detector.features import WRITTEN_AFTER_CLOSING, is_or_is_under
from scoreback.models.detector.label_choice import Labels, ValuesOf, with_all_values
from scoreback.models.detector.label_time import decided_later, label_time
from scoreback.models.detector.meaning import words_of
from scoreback.models.detector.profile import Field, profile
from scoreback.models.detector.quantities import FIELD_NAME
from scoreback.models.detector.tells import (
    DISGUISE,
    Truth,
    counts_up,
    fills_a_time,
    only_positives_have,
    told_by,
)

__all__ = ["Choice", "Draft", "draft", "flow", "windows"]

_AFTERWARDS = frozenset(
    ("closed", "resolution", "resolved", "assignee", "analyst", "verdict", "disposition",
     "status", "owner", "comment", "comments", "outcome", "triage", "triaged", "escalated",
     "note", "notes", "remark", "remarks", "justification", "closure", "resolver", "investigator",
     "investigation", "reviewer", "remediation", "conclusion", "determination", "adjudication")
)  # fmt: skip
_CODES = frozenset(("id", "uid", "code", "sid", "port", "dport"))  # words of numbers that are names
_FEW_NUMBERS = 12  # most values of a number to be learnt one by one
_RARELY = 0.95  # a field that is missing in this share of events is left out
_AGAIN = 0.5  # share of a category's values that have to repeat
_CATEGORY = 20  # events per value from which a text is a category
_TEXTS = 100  # distinct values of a name from which its letters tell something too
_MOST_FIELDS = 100  # fields that become features, the most telling ones
_MOST_WINDOWS = 3  # categories that get window features


@dataclass(frozen=True, slots=True)
class Choice:
    """How the draft uses one field, and why."""

    field: str
    use: str  # label, label time, entity, features, refused as a label, or left out
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted file, and how it uses each field of the sample."""

    text: str
    choices: tuple[Choice, ...]
    complete: bool  # whether a label was found; else the file asks for one
    as_of: datetime | None = None  # if the events are old: when all their labels were known


def draft(
    name: str,
    siem: str,
    selection: Mapping[str, str],
    sample: pa.Table,
    names: Sequence[str],
    *,
    now: datetime | None = None,
    events: int | None = None,
    values_of: ValuesOf | None = None,
) -> Draft:
    """Draft a file for the detector *name*.

    Args:
        name: the detector's name.
        siem: the name of the connector.
        selection: selects the events in that SIEM.
        sample: events in order of time; *names* are text columns, and ``event_time`` is used if it
            is there.
        names: the names of the fields.
        now: the current time; without it, the draft ignores the age of the events.
        events: how many events there are in all, if known.
        values_of: counts a field's values in all events, or returns None.
    """
    fields = profile(sample, [n for n in names if re.fullmatch(FIELD_NAME, n)])
    times = flat(sample["event_time"]) if "event_time" in sample.column_names else None
    labels = Labels.among(fields)
    if labels.chosen is not None and values_of is not None:
        labels = replace(labels, chosen=with_all_values(labels.chosen, values_of))
    label = labels.chosen
    truth = None if label is None else label.truth()
    time = None if label is None else label_time(label, fields, times)
    told = {} if label is None or truth is None else {
        f.name: told_by(f, truth) for f in fields if f.name != label.field.name
    }  # fmt: skip
    left_out = dict(_left_out(fields, labels, decided_later(fields, times), told, truth))
    entity = entity_among(fields, _never_entities(fields, labels), told)
    features, choices, categories = _uses(fields, labels, time, entity, left_out, told)
    timing = Timing.of(times, now, truth, events)
    who = next((f for f in fields if f.name == entity.field), None)
    if who is not None:
        features += windows(entity.field, categories, timing.overs(who.repeats))
    contents = Contents(
        name=name, siem=siem, selection=selection, entity=entity, labels=labels, time=time,
        few=labels.of_few_values([f for f in fields if f.name != entity.field]),
        features=features, timing=timing, events=sample.num_rows,
        budget=timing.budget(times, truth, None if who is None else who.texts),
    )  # fmt: skip
    choices += _unnameable(sample, [n for n in names if not re.fullmatch(FIELD_NAME, n)])
    return Draft(file_text(contents), tuple(choices), label is not None, timing.as_of)


def windows(
    entity: str, categories: Sequence[str], overs: tuple[str, str] = ("1h", "7d")
) -> list[dict[str, object]]:
    """Window features of *entity* and its *categories*, over a short and a long window."""
    short, long = overs
    found: list[dict[str, object]] = [{"count": "events", "by": entity, "over": short}]
    for name in categories[:_MOST_WINDOWS]:
        found.append({"distinct": name, "by": entity, "over": short})
        found.append({"rarity": name, "by": entity, "over": long})
    return found


def _unnameable(sample: pa.Table, names: Sequence[str]) -> Iterable[Choice]:
    """Choices for columns with names that a detector file cannot write."""
    found = Labels.among(profile(sample, names))
    labels = {a.field.name for a in (found.chosen, *found.others) if a is not None}
    for name in names:
        plain = "_".join(words_of(name)) or "NAME"
        what = "it may be the label, but " if name in labels else ""
        why = f"{what}no file can name it: load it as --field {plain}={name!r}"
        yield Choice(name, "left out", why)


def _uses(
    fields: Sequence[Field], labels: Labels, time: Field | None, entity: Entity,
    left_out: Mapping[str, str], told: Mapping[str, float],
) -> tuple[list[dict[str, object]], list[Choice], list[str]]:  # fmt: skip
    """Event features, a choice for each field, and categories, the most telling first."""
    choices: list[Choice] = []
    features: list[dict[str, object]] = []
    categories: list[str] = []
    for field in fields:
        if labels.chosen is not None and field.name == labels.chosen.field.name:
            positive = ", ".join(labels.chosen.positive)
            choices.append(
                Choice(field.name, "label", f"{labels.chosen.why}; positive: {positive}")
            )
            continue
        if field is time:
            choices.append(Choice(field.name, "label time", "when the label came to exist"))
            continue
        if field.name in labels.refused:
            choices.append(Choice(field.name, "refused as a label", labels.refused[field.name]))
        if field.name == entity.field:
            choices.append(Choice(field.name, "entity", entity.why))
            if field.kind == "address":
                features.append({"is_private_ip": field.name})
        elif field.name in left_out:
            choices.append(Choice(field.name, "left out", left_out[field.name]))
        else:
            mine = _features(field)
            features += mine
            if any("category" in feature for feature in mine):
                categories.append(field.name)
            kinds = ", ".join(next(iter(feature)) for feature in mine)
            choices.append(Choice(field.name, "features", kinds))
    if entity.field == ITSELF:
        choices.append(Choice(ITSELF, "entity", entity.why))
    features.append({"hour_of_day": "event_time"})
    categories.sort(key=lambda name: -told.get(name, 0.0))
    return features, choices, categories


def _left_out(
    fields: Sequence[Field], labels: Labels, later: Mapping[str, str],
    told: Mapping[str, float], truth: Truth | None,
) -> Iterable[tuple[str, str]]:  # fmt: skip
    """The fields that are not features, and why."""
    answers = {answer.field.name for answer in labels.others} | set(labels.refused)
    rest: list[str] = []
    for field in fields:
        if labels.chosen is not None and field.name == labels.chosen.field.name:
            yield field.name, "it is the label"
        elif why := _useless(field):
            yield field.name, why
        elif field.name in answers:
            yield (
                field.name,
                "it may also give away the answer; make it a feature only if it is known in time",
            )
        elif field.name in later:
            yield (
                field.name,
                f"by its name it is written as late as {later[field.name]!r}, after the event",
            )
        elif truth is not None and only_positives_have(field, truth):
            yield field.name, "only positives have it: was it filled in after the answer was known?"
        elif told.get(field.name, 0.0) >= DISGUISE:
            yield (
                field.name,
                (
                    f"it removes {told[field.name]:.0%} of the uncertainty about the label: is it"
                    " the answer under another name? Put it back if it is known when the event"
                    " arrives"
                ),
            )
        else:
            rest.append(field.name)
    rest.sort(key=lambda name: -told.get(name, 0.0))
    for name in rest[_MOST_FIELDS:]:
        yield name, f"{_MOST_FIELDS} other fields tell as much or more"


def _never_entities(fields: Sequence[Field], labels: Labels) -> set[str]:
    answers = [labels.chosen, *labels.others, *labels.unclear]
    names = {answer.field.name for answer in answers if answer is not None}
    return names | set(labels.refused) | {f.name for f in fields if set(f.words) & _AFTERWARDS}


def _useless(field: Field) -> str:
    if not field.present:
        return "it is empty in the sample"
    if field.distinct == 1 and not field.missing:
        return f"it is always {field.values[0]!r}"
    if field.kind == "identifier":
        return "it holds identifiers or hashes"
    if field.kind == "time":
        return "a time never repeats"
    if counts_up(field):
        return "it numbers the events one after the other: it tells when, not what"
    if any(is_or_is_under(field.name, written) for written in WRITTEN_AFTER_CLOSING):
        return "it is written after an alert is closed"
    if set(field.words) & _AFTERWARDS:
        return "by its name it is written after the answer is known"
    if field.missing > _RARELY and field.kind != "number":
        return f"{field.missing:.0%} of events lack it"
    if field.kind == "name" and fills_a_time(field):
        return "each value belongs to one time, like a file or a batch: no later event will have it"
    if field.kind == "name" and field.again < _AGAIN:
        return "its values hardly ever repeat, so it identifies events and predicts nothing"
    return ""


def _features(field: Field) -> list[dict[str, object]]:
    name = field.name
    if field.kind == "number":
        if field.distinct <= _FEW_NUMBERS:
            return [{"category": name}]
        codes = bool(_CODES & set(field.words)) and field.again >= _AGAIN
        return [{"category": name}, {"number": name}] if codes else [{"number": name}]
    if field.kind == "address":
        return [{"is_private_ip": name}]
    letters: list[dict[str, object]] = [{"ngrams": name}, {"length": name}, {"entropy": name}]
    if field.kind == "text" and field.repeats < _CATEGORY:
        return letters
    spelt = field.spelt and field.distinct >= _TEXTS and field.repeats < _CATEGORY
    return [{"category": name}, *(letters if spelt else ())]
