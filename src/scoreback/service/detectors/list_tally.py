"""Counts values that a detector ignores in fields with several values, where it reads only some.

An entity, a time, an address and a number are single values; features of texts, categories and
windows read all values (`scoreback.models.features.several_values`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from scoreback.models.detector.features import EVENT_TIMES, TAKING_KINDS
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.features.several_values import MOST_VALUES
from scoreback.multivalue import has_lists, lists, sets
from scoreback.records import EventBatch, Finding

_OF_ONE = ("hour_of_day", "day_of_week", "is_private_ip")
_COUNTED = ("distinct", "rarity")
_KEPT_WHOLE = ("first", "last", "most_common")  # reducers that may give a unit several values
_OWN_FIELD = "have the SIEM write the value that counts into a separate field, and use that field"


@dataclass(frozen=True, slots=True)
class _Use:
    """One place where a detector reads only the first values of a field."""

    field: str  # the field of the events
    most: int  # how many values are read
    what: str
    fix: str


@dataclass(slots=True)
class ListTally:
    """Adds up batches of events, and reports which values were ignored."""

    detector: Detector
    _events: int = 0
    _counts: dict[_Use, int] = field(default_factory=dict)

    def add(self, events: EventBatch) -> None:
        """Add *events*, which have the fields that the detector reads."""
        self._events += events.num_rows
        for use in dict.fromkeys(_uses(self.detector)):
            if use.field not in events.fields:
                continue
            column = events.batch.column(use.field)
            if has_lists(column):
                values = lists(column if use.most == 1 else sets(column)).value_lengths()
                more = int(np.count_nonzero(values.fill_null(0).to_numpy() > use.most))
                self._counts[use] = self._counts.get(use, 0) + more

    def findings(self) -> list[Finding]:
        """A finding for each use that ignored values."""
        found = []
        for use, count in self._counts.items():
            if count:
                several = "several values" if use.most == 1 else f"more than {use.most} values"
                what = f"{count:,} of {self._events:,} events have {several} in {use.field!r}"
                found.append(Finding(what=f"{what}: {use.what}", fix=use.fix, fatal=False))
        return found


def _uses(detector: Detector) -> Iterator[_Use]:
    sources = _sources(detector)
    for name, most, what, fix in _reads(detector):
        source = name if sources is None else sources.get(name)
        if source is not None:
            yield _Use(source, most, what, fix)


def _sources(detector: Detector) -> dict[str, str] | None:
    """Each field of a unit that may have several values, and the event field that it is made of."""
    group = detector.group
    if group is None:
        return None
    reduced = {each.name: each.field for each in group.reduced if each.reducer in _KEPT_WHOLE}
    return {name: name for name in group.group} | reduced


def _reads(detector: Detector) -> Iterator[tuple[str, int, str, str]]:
    yield detector.entity, 1, "the first is the entity", _OWN_FIELD
    queue = detector.train.today_queue
    if queue:
        yield queue, 1, "the first is what today's queue is sorted by", _OWN_FIELD
    for feature in detector.features:
        yield from _reads_of(feature)


def _reads_of(feature: EventFeature | WindowFeature) -> Iterator[tuple[str, int, str, str]]:
    fields = [feature.field]
    if isinstance(feature, EventFeature):
        fields.append(feature.divisor)
    first = f"feature {feature.name!r} reads the first"
    for name in fields:
        if name is None or name in EVENT_TIMES:
            continue
        if feature.kind in TAKING_KINDS and feature.take == "first":
            fix = "if the first value is the wrong one, write take: min, max or sum in the feature"
            yield name, 1, first, fix
        elif feature.kind in _OF_ONE:
            yield name, 1, first, _OWN_FIELD
        elif feature.kind in _COUNTED:
            what = f"feature {feature.name!r} counts the first {MOST_VALUES} of an event"
            yield name, MOST_VALUES, what, "count a field with fewer values"
