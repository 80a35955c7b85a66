"""Why a unit alerted: its three strongest reasons in an analyst's words, adding up to its score."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from scoreback.models.detector.spec import EventFeature, WindowFeature, format_duration
from scoreback.models.labels.dataset import feature_columns
from scoreback.models.learners.model import Attribution, Floats

REASONS = 3
_TEXT_LIMIT = 200  # characters of a field's value; a command line can hold a megabyte
_DIGITS = 6  # decimals of a contribution
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Value = float | str | None


def reasons_of(
    features: Sequence[EventFeature | WindowFeature],
    rows: pa.Table,
    contributions: Floats,
    margins: Floats,
    attribution: Attribution,
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
    """
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
                    "text": in_words(features[i], value),
                }
            )
            told += contribution
        rest = round(float(margins[row]) - told, _DIGITS)
        items.append({"base": base, "rest": rest, "by": attribution})
        found.append(json.dumps(items, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return found


def in_words(feature: EventFeature | WindowFeature, value: Value) -> str:
    """What *value* of *feature* says, as an analyst would put it."""
    if isinstance(feature, WindowFeature):
        return _window_in_words(feature, value)
    if value is None:
        return _missing_in_words(feature)
    if isinstance(value, str):
        verb = "reads like" if feature.kind == "ngrams" else "is"
        return f"{feature.field} {verb} {value}"
    shown = _shown(value)
    match feature.kind:
        case "length":
            return f"length of {feature.field} is {shown}"
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


def _window_in_words(feature: WindowFeature, value: Value) -> str:
    over, by = format_duration(feature.over), " and ".join(feature.by)
    subject = {
        "count": f"events by {by} in {over}",
        "distinct": f"distinct {feature.field} by {by} in {over}",
        "rarity": f"rarity of {feature.field} by {by} in {over}",
        "sum": f"sum of {_read(feature)} by {by} in {over}",
        "mean": f"mean of {_read(feature)} by {by} in {over}",
        "since_last": f"time since the last event by {by} in {over}",
    }[feature.kind]
    if value is None or isinstance(value, str):
        if feature.kind == "since_last":
            return f"no earlier event by {by} in {over}"
        return f"{subject} is missing"
    if feature.kind in ("count", "distinct"):
        return f"{_shown(value)} {subject}"
    if feature.kind == "rarity":
        return f"{subject} is {value:.1f} bits"
    if feature.kind == "since_last":
        return f"{_shown(value)} s since the last event by {by}"
    return f"{subject} is {_shown(value)}"


def _value(raw: object) -> Value:
    if isinstance(raw, str):
        return raw if len(raw) <= _TEXT_LIMIT else raw[:_TEXT_LIMIT] + "..."
    if isinstance(raw, float) and np.isfinite(raw):
        return raw
    return None


def _shown(value: float) -> str:
    """Whole numbers without a point, others with about four digits."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"
