"""A feature's value in an analyst's words, beside what is usual for that feature.

A number appears beside the range of the middle eight in ten, a category beside how often it was a
true positive, and a text as the words in it that raised the score. Only the training data decides
what is usual: if the artefact does not record that, the plain value appears alone.
"""

import math

from scoreback.models.artifact.amounts import as_in, cut, share, shown
from scoreback.models.artifact.unusual import as_usual, is_half, missing_told, more_often_true
from scoreback.models.artifact.window_words import Beside, window_in_words
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.judging.norms import FEW, Norm, Norms, Seen, band_of, digest
from scoreback.models.learners.spoken import spoken
from scoreback.models.learners.texts import TextModel
from scoreback.portable.model import ALONE_USUAL

Value = float | str | None
RARE = ", a rare value"  # follows a category's value that training did not count

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = range(24)
_SUCH_TIMES = {"hour_of_day": "of that hour", "day_of_week": "of that day"}
_NOTHING = Beside()
_NOTHING_AT_ZERO = ("matches", "count", "distinct", "sum", "digits")


def in_words(
    feature: EventFeature | WindowFeature,
    value: Value,
    norms: Norms | None = None,
    text: TextModel | None = None,
    beside: Beside = _NOTHING,
) -> str:
    """*value* of *feature* in words.

    Args:
        feature: an event or window feature.
        value: its value, uncut; None where it is missing.
        norms: the usual values in the training data.
        text: for an ``ngrams`` feature, its text model.
        beside: for a window feature, what else its row carries.
    """
    norm = None if norms is None else norms.features.get(feature.name)
    if isinstance(feature, WindowFeature):
        return window_in_words(feature, value, norm, norms, beside)
    if value is None:
        return _missing(feature) + missing_told(norm, norms)
    if isinstance(value, str):
        if feature.kind == "ngrams":
            return _text(feature, value, text)
        return f"{feature.field} is {cut(value)}{_category(value, norm, norms)}"
    match feature.kind:
        case "hour_of_day":
            return _hour(feature, value, norm, norms)
        case "day_of_week":
            return _day(feature, value, norm, norms)
        case "matches":
            verb = "matches" if value else "does not match"
            return f"{feature.field} {verb} {feature.pattern}{_seen_as(value, norm, norms)}"
        case "is_private_ip":
            kind = "private" if value else "public"
            return f"{feature.field} is a {kind} address{_seen_as(value, norm, norms)}"
    return f"{_number(feature, value)}{usual_beside(value, norm, norms, feature.kind)}"


def worth_telling(feature: EventFeature | WindowFeature, value: Value, norms: Norms | None) -> bool:
    """Whether *value* may be a reason; a missing value or a zero needs usual values for that."""
    happened = value is not None and (value != 0 or feature.kind not in _NOTHING_AT_ZERO)
    norm = None if norms is None else norms.features.get(feature.name)
    if happened or norm is None:
        return happened
    if value is None:
        return norm.rows > 0
    return bool(norm.values) if feature.kind in FEW else norm.middle is not None


def _number(feature: EventFeature, value: float) -> str:
    told = shown(value)
    match feature.kind:
        case "length":
            return f"{feature.field} is {told} characters long"
        case "entropy":
            return f"randomness of {feature.field} is {value:.1f}"
        case "digits":
            return f"{told} digits in {feature.field}"
        case "ratio":
            return f"{_read(feature)} / {_read(feature, feature.divisor)} is {told}"
    return f"{_read(feature)} is {told}"


def _category(value: str, norm: Norm | None, norms: Norms | None) -> str:
    """How often the category was a true positive, or else how often it occurred."""
    if norm is None or norms is None or not norm.values:
        return ""
    seen = norm.values.get(digest(value))
    if seen is None:
        return ", a value never seen in training" if norm.whole else RARE
    told = more_often_true(seen, norms, "its {}")
    if told:
        return f": {told}"
    return _as_in(seen.rows, norm, norms)


def _text(feature: EventFeature, value: str, text: TextModel | None) -> str:
    words = [] if text is None else spoken(text, value)
    if not words:
        return f"{feature.field} reads like {cut(value)}"
    *others, last = (f'"{word}"' for word in words)
    return f"{feature.field} holds {' and '.join(filter(None, [', '.join(others), last]))}"


def _hour(feature: EventFeature, value: float, norm: Norm | None, norms: Norms | None) -> str:
    hour = int(value)
    span = f"between {hour:02}:00 and {(hour + 1) % 24:02}:00 UTC"
    if feature.field == "event_time":
        return f"at a time {span}{_when(feature.kind, value, norm, norms)}"
    return f"{feature.field} lies {span}{_seen_as(value, norm, norms)}"


def _day(feature: EventFeature, value: float, norm: Norm | None, norms: Norms | None) -> str:
    day = _DAYS[int(value) - 1]
    if feature.field == "event_time":
        return f"on a {day}{_when(feature.kind, value, norm, norms)}"
    return f"{feature.field} lies on a {day}{_seen_as(value, norm, norms)}"


def _when(kind: str, value: float, norm: Norm | None, norms: Norms | None) -> str:
    seen = _seen(value, norm)
    if norm is None or norms is None or seen is None:
        return ""
    true = more_often_true(seen, norms, f"the {{}} {_SUCH_TIMES[kind]}")
    if true:
        return f": {true}"
    told = share(seen.rows, norm.rows)
    if seen.rows * len(_DAYS if kind == "day_of_week" else _HOURS) >= norm.rows:
        return ALONE_USUAL
    if told == "none":
        return f", when no {norms.unit.removesuffix('s')} of training happened"
    return f", when {told} {norms.unit} happen"


def _seen_as(value: float, norm: Norm | None, norms: Norms | None) -> str:
    seen = _seen(value, norm)
    if seen is None or norm is None:
        return ""
    told = more_often_true(seen, norms, "such {}")
    return f": {told}" if told else _as_in(seen.rows, norm, norms)


def _as_in(rows: int, norm: Norm, norms: Norms | None) -> str:
    return ALONE_USUAL if is_half(rows, norm.rows) else as_in(rows, norm.rows, norms)


def _seen(value: float, norm: Norm | None) -> Seen | None:
    """How often a number of a feature with few values occurred; None where it was not counted."""
    if norm is None or not norm.values:
        return None
    return norm.values.get(f"{value:.0f}", Seen(0, 0, 0))


def _missing(feature: EventFeature) -> str:
    if feature.kind == "ratio":
        return f"{feature.field} / {feature.divisor} is missing"
    if feature.kind in ("number", "category", "ngrams"):
        return f"{feature.field} is missing"
    return f"{feature.field} is missing or unreadable"


def usual_beside(value: float, norm: Norm | None, norms: Norms | None, kind: str) -> str:
    """The middle eight in ten of a feature's numbers; inside it, how often such were positives."""
    if norm is None or norm.low is None or norm.high is None:
        return ""
    ends = (_told(norm.low, kind), _told(norm.high, kind))
    if norm.low <= value <= norm.high or _told(value, kind) in ends:
        return within_usual(value, norm, norms, kind)
    return f" (usually {_between(norm.low, norm.high, kind)})"


def within_usual(value: float, norm: Norm, norms: Norms | None, kind: str) -> str:
    """The text that follows a number within the usual range."""
    band = band_of(norm, value)
    such = "" if band is None else f"the {{}} with {_between(band.low, band.high, kind)}"
    return as_usual(value, norm, norms, such)


def _told(value: float, kind: str) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:.1f}" if kind == "entropy" else shown(value)


def _between(low: float, high: float, kind: str) -> str:
    first, last = _told(low, kind), _told(high, kind)
    return first if first == last else f"{first} to {last}"


def _read(feature: EventFeature, field: str | None = None) -> str:
    """The field, and which of its values is read: ``max of network.bytes``."""
    name = field or feature.field or ""
    return name if feature.take == "first" else f"{feature.take} of {name}"
