"""Why a unit alerted: its three strongest reasons in an analyst's words, adding up to its score."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from scoreback.models.detector.spec import EventFeature, WindowFeature, format_duration
from scoreback.models.judging.reference import Reference
from scoreback.models.labels.dataset import feature_columns
from scoreback.models.learners.model import Attribution, Floats

REASONS = 3
_TEXT_LIMIT = 200  # characters of a field's value; a command line can hold a megabyte
_DIGITS = 6  # decimals of a contribution
_RARE = 0.585  # bits: two of three; what is more frequent is not told as a share
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Value = float | str | None


def reasons_of(
    features: Sequence[EventFeature | WindowFeature],
    rows: pa.Table,
    contributions: Floats,
    margins: Floats,
    attribution: Attribution,
    reference: Reference | None = None,
) -> list[str]:
    """A JSON list for each row: the strongest positive contributions, then base and rest.

    Each reason is ``{"feature", "value", "contribution", "text"}``; the last item is ``{"base",
    "rest", "by"}``. All contributions, the base and the rest sum to the log-odds of the score.

    Args:
        features: the feature plan.
        rows: their raw columns.
        contributions: shape (rows, features + 1), the base last.
        margins: log-odds of each row.
        attribution: the rule that made the contributions; ``by`` names it.
        reference: what the model learnt from; with it reasons say what is usual.
    """
    usual = usual_values(features, reference)
    columns = feature_columns(rows, features)
    strongest = np.argsort(-contributions[:, :-1], axis=1, kind="stable")[:, :REASONS]
    found = []
    for row in range(len(margins)):
        items: list[dict[str, object]] = []
        told = base = round(float(contributions[row, -1]), _DIGITS)
        for i in strongest[row].tolist():
            contribution = round(float(contributions[row, i]), _DIGITS)
            if contribution <= 0:
                break
            value = _value(columns.column(i)[row].as_py())
            items.append(
                {
                    "feature": features[i].name,
                    "value": value,
                    "contribution": contribution,
                    "text": in_words(features[i], value, usual.get(features[i].name)),
                }
            )
            told += contribution
        rest = round(float(margins[row]) - told, _DIGITS)
        items.append({"base": base, "rest": rest, "by": attribution})
        found.append(json.dumps(items, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return found


def usual_values(
    features: Sequence[EventFeature | WindowFeature], reference: Reference | None
) -> dict[str, float]:
    """The medians of window features in what the model learnt from, as far as they are known."""
    windows = {f.name for f in features if isinstance(f, WindowFeature)}
    columns = () if reference is None else reference.features
    medians = {c.name: c.median for c in columns if c.name in windows}
    return {name: value for name, value in medians.items() if value is not None}


def in_words(
    feature: EventFeature | WindowFeature, value: Value, usual: float | None = None
) -> str:
    """What *value* of *feature* says, as an analyst would put it.

    Beside a number of a window feature stands its *usual* value, where that is known: a number of
    events says nothing to who does not know how many there are on other days.
    """
    if isinstance(feature, WindowFeature):
        return _window_in_words(feature, value, usual)
    if value is None:
        return _missing_in_words(feature)
    if isinstance(value, str):
        verb = "reads like" if feature.kind == "ngrams" else "is"
        return f"{feature.field} {verb} {value}"
    shown = _shown(value)
    match feature.kind:
        case "length":
            return f"{feature.field} is {shown} characters long"
        case "entropy":
            return f"entropy of {feature.field} is {value:.1f}"
        case "digits":
            return f"{shown} digits in {feature.field}"
        case "matches":
            verb = "matches" if value else "does not match"
            return f"{feature.field} {verb} {feature.pattern}"
        case "ratio":
            return f"{_read(feature)} / {_read(feature, feature.divisor)} is {shown}"
        case "hour_of_day":
            return f"hour of {feature.field} is {shown} UTC"
        case "day_of_week":
            return f"day of {feature.field} is {_DAYS[int(value) - 1]}"
        case "is_private_ip":
            return f"{feature.field} is a {'private' if value else 'public'} address"
        case _:
            return f"{_read(feature)} is {shown}"


def _read(feature: EventFeature | WindowFeature, field: str | None = None) -> str:
    """What is read of a field: ``max of network.bytes``."""
    name = field or feature.field or ""
    return name if feature.take == "first" else f"{feature.take} of {name}"


def _missing_in_words(feature: EventFeature) -> str:
    if feature.kind == "ratio":
        return f"{feature.field} / {feature.divisor} is missing"
    if feature.kind in ("number", "category", "ngrams"):
        return f"{feature.field} is missing"
    return f"{feature.field} is missing or unreadable"


def _window_in_words(feature: WindowFeature, value: Value, usual: float | None) -> str:
    over, by = format_duration(feature.over), " and ".join(feature.by)
    where = f"of the same {by} within {over}"
    if value is None or isinstance(value, str):
        if feature.kind == "since_last":
            return f"no earlier event {where}"
        return f"{feature.kind} of {feature.field or 'events'} {where} is missing"
    beside = "" if usual is None else f" (usually {_amount(feature.kind, usual)})"
    told = _amount(feature.kind, value)
    match feature.kind:
        case "count":
            return f"{told} events {where}{beside}"
        case "distinct":
            return f"{told} different {feature.field} {where}{beside}"
        case "rarity":
            earlier = f"{told} earlier events" if value >= _RARE else "nearly every earlier event"
            return f"{feature.field} is that of {earlier} {where}{beside}"
        case "since_last":
            return f"{told} since the event before of the same {by}{beside}"
        case _:
            return f"{feature.kind} of {_read(feature)} {where} is {told}{beside}"


def _amount(kind: str, value: float) -> str:
    """A number of a window feature: rarity is told as a share, since_last as a length of time."""
    if kind == "rarity":  # log2((n + 1) / (m + 1)) for m of n events: their share is never more
        return f"at most 1 in {_shown(round(2.0 ** min(value, 60.0)))}"
    if kind == "since_last":
        unit, seconds = next((u for u in _UNITS if abs(value) >= u[1]), _UNITS[-1])
        return f"{_shown(round(value / seconds, 1))} {unit}"
    return _shown(value)


def _value(raw: object) -> Value:
    if isinstance(raw, str):
        return raw if len(raw) <= _TEXT_LIMIT else raw[:_TEXT_LIMIT] + "..."
    if isinstance(raw, float) and np.isfinite(raw):
        return raw
    return None


def _shown(value: float) -> str:
    """Whole numbers without a point, others with about four digits."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"
