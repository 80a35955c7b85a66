"""Counts the labels in a field of the events: how many are usable, and why the others are not.

If the field's values or times are written differently than the detector file expects, it gives no
labels at all, and a training that only counts labels cannot say why.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.compute as pc

from scoreback.models.detector.spec import FieldLabels
from scoreback.models.labels.truths import FieldLabelsRead
from scoreback.multivalue import unfolded
from scoreback.records import EventBatch, Verdict
from scoreback.timestamps import FORMATS

MOST_VALUES = 1_000  # distinct values that are counted; a field with more is not a verdict
SHOWN = 5  # the most frequent values, in a message
LISTED = 10  # the most frequent values, in `LabelCount`
_LONGEST = 60  # characters of a value in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCount:
    """Counts of a field's labels in the events that were examined."""

    field: str
    events: int  # examined
    positive: int  # usable labels
    negative: int
    unreadable: int  # labels without a readable time: not used
    example: str  # the time of one of these, as it is written
    values: tuple[tuple[str, int, str], ...]  # value, events that have it, what it counts as
    more_values: int  # number of less frequent values
    unmatched: tuple[str, ...]  # values in the detector file that no examined event has


class FieldTally:
    """Counts batch by batch; `problems` says what is wrong, in words."""

    def __init__(self, spec: FieldLabels) -> None:
        """Count the labels of *spec*."""
        self._spec = spec
        self._values: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._early = self._events = 0
        self._example = ""
        self.unparsable = 0

    def add(self, events: EventBatch, read: FieldLabelsRead) -> None:
        """Add a batch of *events* and the labels *read* from it."""
        self._events += events.num_rows
        _, texts = unfolded(events.batch.column(self._spec.name))  # each value of a list
        counts = pc.value_counts(texts)
        for item in counts.to_pylist():
            value, count = item["values"], item["counts"]
            if value and (value in self._values or len(self._values) < MOST_VALUES):
                self._values[value] += count
        for item in pc.value_counts(read.labels.batch.column("verdict")).to_pylist():
            self._labels[item["values"]] += item["counts"]
        self.unparsable += read.unparsable
        self._example = self._example or read.unparsable_example
        self._early += read.before_event

    @property
    def counted(self) -> LabelCount:
        """Counts of the labels and their values, and the detector file's values never seen."""
        spec, most = self._spec, self._most(self._values, LISTED)
        return LabelCount(
            field=spec.name,
            events=self._events,
            positive=self._labels[Verdict.TRUE_POSITIVE.value],
            negative=self._labels[Verdict.FALSE_POSITIVE.value],
            unreadable=self.unparsable,
            example=self._example,
            values=tuple((value, count, self._meaning(value)) for value, count in most),
            more_values=len(self._values) - len(most),
            unmatched=tuple(
                value
                for value in (*spec.positive, *(spec.negative or ()))
                if value not in self._values
            ),
        )

    @property
    def problems(self) -> list[str]:
        """Why labels cannot be used; empty if all are as the detector file expects."""
        return [*self._of_times(), *self._of_values()]

    def _of_times(self) -> Iterable[str]:
        used = sum(self._labels.values())
        if self.unparsable:
            such = f", such as {_shown(self._example)}" if self._example else ""
            yield (
                f"{self.unparsable:,} of {self.unparsable + used:,} labels are not used, as"
                f" {self._spec.time!r} holds no time that can be read{such} (read are {FORMATS})"
            )
        if self._early:
            yield (
                f"{self._early:,} of {used:,} labels have a time in {self._spec.time!r} before"
                " their event; they count from the event on"
            )

    def _of_values(self) -> Iterable[str]:
        spec, name = self._spec, self._spec.name
        listed = {*spec.positive, *(spec.negative or ())}
        alike = {_folded(value): value for value in listed}
        near = [v for v in self._values if v not in listed and _folded(v) in alike]
        for value, count in self._most(near):
            meant = alike[_folded(value)]
            yield (
                f"{count:,} events have {_shown(value)} in {name!r}, but the detector file has"
                f" {meant!r}: write it as the events do"
            )
        if not self._values:
            yield f"no event read has a value in {name!r}"
            return
        for kind, values in (("positive", spec.positive), ("negative", spec.negative)):
            if values is not None and not any(value in self._values for value in values):
                seen = ", ".join(
                    f"{_shown(value)} ({count:,})" for value, count in self._most(self._values)
                )
                yield (
                    f"no event read has a {kind} value ({', '.join(map(repr, values[:SHOWN]))}) in"
                    f" {name!r}; the values there are: {seen}"
                )

    def _meaning(self, value: str) -> str:
        if value in self._spec.positive:
            return "positive"
        if self._spec.negative is None or value in self._spec.negative:
            return "negative"
        return "no label"

    def _most(self, values: Iterable[str], most: int = SHOWN) -> list[tuple[str, int]]:
        """The most frequent of *values*; ties by name."""
        counted = [(value, self._values[value]) for value in values]
        return sorted(counted, key=lambda item: (-item[1], item[0]))[:most]


def _folded(value: str) -> str:
    return " ".join(value.casefold().replace("_", " ").replace("-", " ").split())


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
