"""A window feature's value in words: how often, how many or how rare, beside what is usual.

The text names the value that the events share if the row carries it: ``on ws-016``. A rarity is
not a number that people use, so the text gives the counts behind it: ``3 times in 7 days, 1 in 40
of its events``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from scoreback.models.artifact.amounts import (
    cut,
    lasting,
    share,
    shown,
    span_of,
    times,
)
from scoreback.models.artifact.field_words import called, is_place, several, where
from scoreback.models.artifact.unusual import as_usual, missing_told
from scoreback.models.detector.spec import WindowFeature
from scoreback.models.judging.norms import Norm, Norms, band_of
from scoreback.multivalue import values_of

_NOT_RARE = 0.585  # log2 of 1.5: about two of three earlier events had the value too
_READABLE = ", "
_MOST_SHOWN = 60  # characters of a value within a sentence


@dataclass(frozen=True, slots=True)
class Beside:
    """What a row carries beside a feature's value."""

    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # as cells
    times: float | None = None  # for a rarity: how many earlier events had the value


def window_in_words(
    feature: WindowFeature,
    value: float | str | None,
    norm: Norm | None,
    norms: Norms | None,
    beside: Beside,
) -> str:
    """*value* of *feature* in words.

    Args:
        feature: the window feature.
        value: its value; None where it is missing.
        norm: the usual values of the feature.
        norms: the usual values of all features.
        beside: what else the row carries.
    """
    over, shared = span_of(feature.over), _shared(feature, beside)
    common = shared.words(feature)
    if value is None or isinstance(value, str):
        seldom = missing_told(norm, norms)
        if feature.kind == "since_last":
            return f"no earlier event {common} within {over}{seldom}"
        return f"{_measure(feature)} {common} within {over} is missing{seldom}"
    usual = _usual(feature, value, norm, norms)
    match feature.kind:
        case "count":
            return f"{_counted(feature, value, shared, over, norms)}{usual}"
        case "distinct":
            told = several(feature.field or "", "no" if value == 0 else shown(value))
            return f"{told} {common} within {over}{usual}"
        case "rarity":
            return f"{_rarity(feature, value, shared, over, beside, norms)}{usual}"
        case "since_last":
            return f"{lasting(value)} since the event before {common}{usual}"
        case "sum":
            return f"{_read(feature)} {common} within {over} adds up to {shown(value)}{usual}"
        case _:
            return f"{_measure(feature)} {common} within {over} is {shown(value)}{usual}"


@dataclass(frozen=True, slots=True)
class _Shared:
    """The values that earlier events share with this one; empty if the row lacks any of them."""

    values: tuple[tuple[str, str], ...]

    @property
    def named(self) -> str:
        """The shared values that are not places: ``rule R-440``."""
        things = [pair for pair in self.values if not is_place(pair[0])]
        return _READABLE.join(called(name, value) for name, value in things)

    @property
    def place(self) -> str:
        """The shared values that are places: ``on ws-016``."""
        return where(pair for pair in self.values if is_place(pair[0]))

    def words(self, feature: WindowFeature) -> str:
        """What the events have in common, within a sentence."""
        if not self.values:
            return f"of the same {' and '.join(feature.by)}"
        return where(self.values)


def _shared(feature: WindowFeature, beside: Beside) -> _Shared:
    found = [(name, beside.fields.get(name)) for name in feature.by]
    known = tuple((name, _readable(text)) for name, text in found if text)
    return _Shared(known if len(known) == len(found) else ())


def _counted(
    feature: WindowFeature, value: float, shared: _Shared, over: str, norms: Norms | None
) -> str:
    count = int(value)
    if shared.named:
        often = times(count) if count else "not once"
        subject = f"{shared.named} {shared.place}".strip()
        return f"{subject}: {often} within {over}"
    unit = "events" if norms is None else norms.unit
    if not count:
        return f"no earlier {unit.removesuffix('s')} {shared.words(feature)} within {over}"
    unit = unit.removesuffix("s") if count == 1 else unit
    return f"{count:,} {unit} {shared.words(feature)} within {over}"


def _rarity(
    feature: WindowFeature,
    value: float,
    shared: _Shared,
    over: str,
    beside: Beside,
    norms: Norms | None,
) -> str:
    """How rare the value is: log2((n + 1) / (m + 1)) for m of n earlier events."""
    unit = "events" if norms is None else norms.unit
    subject, of = f"{_value(feature, beside)} {shared.words(feature)}", f"of its {unit}"
    if beside.times is None:
        return f"{subject}: {_share(value)} {of} in {over}"
    had = round(beside.times)
    every = round((had + 1) * 2.0 ** min(value, 60.0)) - 1
    if not every:
        return f"{subject}: the first of its {unit} in {over}"
    if not had:
        none = f", in none of its {every:,} {unit}" if every > 1 else ""
        return f"{subject}: never before in {over}{none}"
    return f"{subject}: {times(had)} in {over}, {share(had, every)} {of}"


def _value(feature: WindowFeature, beside: Beside) -> str:
    """The rare value; if the field has several, the feature is about the rarest of them."""
    name = feature.field or ""
    text = beside.fields.get(name)
    if not text:
        return f"this {called(name, '').strip()}"
    readable = _readable(text)
    return called(name, readable if len(values_of(text)) == 1 else f"(the rarest of {readable})")


def _share(rarity: float) -> str:
    """An upper bound on the share of events with the value: (m + 1) / (n + 1) for m of n."""
    if rarity < _NOT_RARE:
        return "most"
    return f"at most 1 in {round(2.0 ** min(rarity, 60.0)):,}"


def _usual(feature: WindowFeature, value: float, norm: Norm | None, norms: Norms | None) -> str:
    """The usual value; where this one is equal, how often such events were true positives."""
    if norm is None or norm.middle is None:
        return ""
    told = _figure(feature.kind, norm.middle)
    if _figure(feature.kind, value) != told:
        return f" (usually {told})"
    band = band_of(norm, value)
    such = "" if band is None else f"the {{}} {_such(feature.kind, band.low, band.high)}"
    counts = feature.kind == "rarity" or (feature.kind == "count" and len(feature.by) > 1)
    return as_usual(value, norm, norms, such, "," if counts else ":")


def _figure(kind: str, value: float) -> str:
    match kind:
        case "rarity":
            return _share(value)
        case "since_last":
            return lasting(value)
        case "count" | "distinct" if value == 0:
            return "none"
        case _:
            return shown(value)


def _such(kind: str, low: float, high: float) -> str:
    """Names the events with about the same value."""
    if kind == "rarity":
        return "where it is as rare"
    first, last = _figure(kind, low), _figure(kind, high)
    return f"with {first}" if first == last else f"with {first} to {last}"


def _measure(feature: WindowFeature) -> str:
    """The quantity measured, as a noun: ``mean of network.bytes``."""
    match feature.kind:
        case "count":
            return "number of events"
        case "distinct":
            return f"number of different {feature.field}"
        case "rarity":
            return f"rarity of {feature.field}"
        case _:
            return f"{feature.kind} of {_read(feature)}"


def _read(feature: WindowFeature) -> str:
    name = feature.field or ""
    return name if feature.take == "first" else f"{feature.take} of {name}"


def _readable(text: str) -> str:
    told = _READABLE.join(values_of(text))
    return told if len(told) <= _MOST_SHOWN else cut(told)[:_MOST_SHOWN] + "..."
