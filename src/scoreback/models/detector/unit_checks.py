"""Checks units of groups against the other keys: above all, fields without a reducer."""

from collections.abc import Iterator
from typing import NamedTuple

from scoreback.models.detector.features import EVENT_NAMES, EVENT_TIMES, is_or_is_under
from scoreback.models.detector.located_yaml import Key
from scoreback.models.detector.problems import Problem
from scoreback.models.detector.quantities import format_duration
from scoreback.models.detector.spec import Detector, EventFeature, GroupUnit, WindowFeature
from scoreback.models.detector.units import REDUCERS

_OF_NUMBERS = ("number", "ratio", "sum", "mean")
_OF_NAMES = ("category", "distinct", "rarity", "is_private_ip")


class _Use(NamedTuple):
    """A field that the file reads of units, the key that does, and a reducer that may fit."""

    key: Key
    field: str
    reducer: str


def check_unit(detector: Detector) -> Iterator[Problem]:
    """What is wrong with the unit of *detector* and with what other keys read of it."""
    unit = detector.group
    if unit is None:
        return
    yield from _own_names(unit)
    yield from _answers(detector, unit)
    yield from _times(detector, unit)
    yield from _uses_without_a_reducer(detector, unit)


def _own_names(unit: GroupUnit) -> Iterator[Problem]:
    for i, name in enumerate(unit.group):
        if name in unit.group[:i]:
            yield Problem(("unit", "group", i), f"{name!r} is there already", "remove it")
    for each in unit.reduced:
        key: Key = ("unit", "fields", each.name)
        if each.name in unit.group:
            what = f"{each.name!r} is part of the group's key, so its events share one value"
            yield Problem(key, what, "remove it, or give the reduced field a name of its own")
        elif each.name in (*EVENT_TIMES, *EVENT_NAMES) or each.field in EVENT_TIMES:
            what = f"{each.name!r} is a time or name that every unit already has"
            yield Problem(key, what, "remove it; hour_of_day: event_time reads a unit's time")


def _answers(detector: Detector, unit: GroupUnit) -> Iterator[Problem]:
    labels = detector.labels.field
    for answer in filter(None, (labels.name, labels.time) if labels else ()):
        for i, name in enumerate(unit.group):
            if is_or_is_under(name, answer):
                what = f"{name!r} holds the label, so units would give away the answer"
                yield Problem(("unit", "group", i), what, "group by what is known in time")
        for each in unit.reduced:
            if is_or_is_under(each.field, answer):
                what = (
                    f"{each.field!r} holds the label, so units with it would give away the answer"
                )
                hint = "remove it; a unit is positive when any of its events is"
                yield Problem(("unit", "fields", each.name), what, hint)


def _times(detector: Detector, unit: GroupUnit) -> Iterator[Problem]:
    every = format_duration(unit.every)
    if unit.every + detector.lag >= detector.train.history:
        history = format_duration(detector.train.history)
        what = f"windows of {every} do not fit into the {history} of train.history"
        yield Problem(("unit", "every"), what, "write a shorter every, or a longer train.history")


def _uses_without_a_reducer(detector: Detector, unit: GroupUnit) -> Iterator[Problem]:
    uses = list(_uses(detector))
    for use in uses:
        if use.field not in unit.names:
            what = (
                f"events of a group may differ in {use.field!r}, but unit.fields does not name it"
            )
            hint = (
                f"reduce it to one value: fields: {{{use.field}: {use.reducer}}};"
                f" reducers: {', '.join(REDUCERS)}"
            )
            yield Problem(use.key, what, hint)
    asked = {use.field for use in uses}
    for name in unit.fields:
        if name not in asked:
            what = f"nothing in the file uses {name!r}"
            yield Problem(("unit", "fields", name), what, "use it as a feature, or remove it")


def _uses(detector: Detector) -> Iterator[_Use]:
    yield _Use(("entity",), detector.entity, "first")
    for i, feature in enumerate(detector.features):
        key: Key = ("features", i)
        if feature.field and feature.field not in EVENT_TIMES:
            yield _Use(key, feature.field, _fitting(feature))
        others = feature.by if isinstance(feature, WindowFeature) else ()
        for name in others:
            yield _Use(key, name, "most_common")
        if isinstance(feature, EventFeature) and feature.divisor:
            yield _Use(key, feature.divisor, "sum")
    for i, name in enumerate(detector.write.copy_fields):
        yield _Use(("write", "copy_fields", i), name, "first")
    for i, name in enumerate(detector.split.hold_out):
        yield _Use(("split", "hold_out", i), name, "first")
    if detector.train.today_queue:
        yield _Use(("train", "today_queue"), detector.train.today_queue, "max")


def _fitting(feature: EventFeature | WindowFeature) -> str:
    if feature.kind in _OF_NUMBERS:
        return "sum"
    return "most_common" if feature.kind in _OF_NAMES else "first"
