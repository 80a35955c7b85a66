"""Scores events with a portable model, with alerts and reasons, for the Splunk command.

Scores are summed in double precision, which is fast. Where that leaves open whether a score reaches
the threshold, the score is summed in single precision as the service does: thresholds are scores of
real events, so ties are common, and a tie must always count as reached.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from .model import ALONE_USUAL, Linear, PortableModel, Term, Words, single
from .reading import Features, Fields, Times, joined
from .trees import Row, TreeScorer

TEXT_LIMIT = 200  # characters of a value shown in a reason
_DECIMALS = 6  # digits of a contribution
# rows; making functions takes as long as walking the trees for some hundred rows
_WORTH_COMPILING = 300
_SURE = 30.0  # log-odds; their score is still below 1
_BELOW_ONE = 1.0 - 2.0**-53


class Scored(NamedTuple):
    """What the model says about some events, in their order."""

    scores: list[float]
    alerts: list[int]  # rows whose score reaches the threshold


class Scorer:
    """Scores events with one model."""

    def __init__(self, model: PortableModel) -> None:
        """Prepare to score with *model*."""
        self.model = model
        self._features = Features(model.features)
        self._trees = None if model.trees is None else TreeScorer(model.trees, model.intercept)
        self._linear = model.linear
        self._seen = 0

    def features(self, fields: Fields, times: Times) -> list[list[float]]:
        """A column of numbers for each feature of some events; NaN where missing."""
        return self._features.columns(fields, times)

    def score(self, features: Sequence[Sequence[float]], count: int, cut: float) -> Scored:
        """Scores of *count* events from their *features*, and which reach the log-odds *cut*."""
        margins, alerts = self._judged(features, count, cut)
        return Scored(_scores(margins), alerts)

    def reasons(self, values: Row, row: int, fields: Fields, most: int) -> str:
        """Why an event has its score: a JSON list in the form of the service's reasons.

        *values* are the event's features; *fields* has the event at *row*. The list has the *most*
        strongest contributions that raise the score, then the base and the rest; they add up to the
        log-odds. ``by`` names the method that divides them up. A value that is usual alone appears
        only where there is no other reason.
        """
        model = self.model
        shares = self._shares(values)
        strongest = sorted(range(len(model.features)), key=lambda each: -shares[each])
        base = round(shares[-1], _DECIMALS)
        items: list[dict[str, object]] = []
        usual: list[dict[str, object]] = []
        for place in strongest:
            share = round(shares[place], _DECIMALS)
            if share <= 0 or len(items) == most:
                break
            value = self._value(place, values[place], row, fields)
            shown = cut(value) if isinstance(value, str) else value
            feature = model.features[place]
            text = in_words(feature.words, value)
            (usual if text.endswith(ALONE_USUAL) else items).append(
                {"feature": feature.name, "value": shown, "contribution": share, "text": text}
            )
        items = items or usual[:most]
        told = base + math.fsum(float(str(item["contribution"])) for item in items)
        rest = round(math.fsum(shares) - told, _DECIMALS)
        items.append({"base": base, "rest": rest, "by": model.attribution})
        return json.dumps(items, ensure_ascii=False, separators=(",", ":"))

    def _judged(
        self, columns: Sequence[Sequence[float]], count: int, cut: float
    ) -> tuple[list[float], list[int]]:
        if self._linear is not None:
            linear, intercept = self._linear, self.model.intercept
            margins = [single(_sum(linear, intercept, row)) for row in _rows(columns, count)]
            return margins, [row for row, margin in enumerate(margins) if margin >= cut]
        trees = self._trees
        if trees is None:
            raise ValueError("the model has neither trees nor terms")
        self._seen += count
        if self._seen >= _WORTH_COMPILING and not trees.together(count):
            trees.compile()
        used = [columns[place] for place in trees.used]
        margins = trees.margins(used, count)
        alerts, doubtful = [], cut - trees.doubt
        for row, margin in enumerate(margins):
            if margin >= doubtful:
                if margin <= cut + trees.doubt:
                    margins[row] = margin = trees.exact([column[row] for column in used])
                if margin >= cut:
                    alerts.append(row)
        return margins, alerts

    def _shares(self, values: Row) -> list[float]:
        if self._linear is not None:
            terms = zip(self._linear.terms, values)
            farthest = self._linear.farthest
            return [*(_share(t, farthest, value) for t, value in terms), self.model.intercept]
        if self._trees is None:
            raise ValueError("the model has neither trees nor terms")
        row = [values[place] for place in self._trees.used]
        return self._trees.contributions(row, len(values))

    def _value(self, place: int, value: float, row: int, fields: Fields) -> float | str | None:
        """The value of a feature as a reason shows it."""
        feature = self.model.features[place]
        if feature.kind != "category":
            return value if math.isfinite(value) else None
        column = fields(feature.field)
        several = column.several.get(row)
        text = joined(feature.kind)(several) if several else column.texts[row]
        return text or None


def _scores(margins: Sequence[float]) -> list[float]:
    """`score_of` for each; most values need no clipping, so they take a fast path."""
    if margins and min(margins) > -_SURE and max(margins) < _SURE:
        exp = math.exp
        return [1.0 / (1.0 + exp(-margin)) for margin in margins]
    return [score_of(margin) for margin in margins]


def score_of(margin: float) -> float:
    """The score for log-odds: at least 0, and below 1 however certain the model is."""
    found = 1.0 / (1.0 + math.exp(-min(max(margin, -700.0), 700.0)))
    return found if found < 1.0 else _BELOW_ONE


def cut(text: str) -> str:
    """The part of a text that a reason shows."""
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."


def in_words(words: Words, value: float | str | None) -> str:
    """*value* in an analyst's words."""
    if value is None:
        return words.missing
    if isinstance(value, str):
        found = words.told.get(value) if value else None
        return found or words.before + cut(value) + words.told.get("", words.after)
    if words.told:
        return words.told.get(f"{value:.0f}", words.missing)
    shown = _shown(value, words.decimals)
    return words.before + shown + _after(words, value, shown)


def _after(words: Words, value: float, shown: str) -> str:
    """What follows a number: another text where it is usual, the last of the ranges."""
    if words.ranges:
        *bands, (lowest, highest, alone) = words.ranges
        ends = (_shown(lowest, words.decimals), _shown(highest, words.decimals))
        if lowest <= value <= highest or shown in ends:
            return next((after for low, high, after in bands if low <= value <= high), alone)
    return words.after


def _shown(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _rows(columns: Sequence[Sequence[float]], count: int) -> Sequence[Row]:
    return list(zip(*columns)) if columns else [()] * count


def _sum(linear: Linear, intercept: float, row: Row) -> float:
    """Sum term by term in the service's order; another order rounds differently."""
    total = intercept
    for term, value in zip(linear.terms, row):
        total += _share(term, linear.farthest, value)
    return total


def _share(term: Term, farthest: float, value: float) -> float:
    missing = value != value  # true for NaN only
    away = 0.0 if missing else (single(value) - term.mean) / term.scale
    away = min(max(away, -farthest), farthest)
    return term.slope * away + term.missing * (float(missing) - term.missing_rate)
