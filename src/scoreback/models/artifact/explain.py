"""Why a unit alerted: its three strongest reasons in an analyst's words, adding up to its score."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from scoreback.models.artifact.words import (
    Value,
    cut,
    in_words,
    worth_telling,
)
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.judging.norms import Norms
from scoreback.models.labels.dataset import feature_columns
from scoreback.models.learners.model import Attribution, Floats
from scoreback.models.learners.texts import TextModel

REASONS = 3
_DIGITS = 6  # decimals of a contribution


def reasons_of(
    features: Sequence[EventFeature | WindowFeature],
    rows: pa.Table,
    contributions: Floats,
    margins: Floats,
    attribution: Attribution,
    norms: Norms | None = None,
    texts: Mapping[str, TextModel] | None = None,
) -> list[str]:
    """A JSON list for each row: the strongest positive contributions, then base and rest.

    That something is missing or did not happen is left to the rest where nobody knows how usual
    that is.

    Each reason is ``{"feature", "value", "contribution", "text"}``; the last item is ``{"base",
    "rest", "by"}``. All contributions, the base and the rest sum to the log-odds of the score.

    Args:
        features: the feature plan.
        rows: their raw columns.
        contributions: shape (rows, features + 1), the base last.
        margins: log-odds of each row.
        attribution: the rule that made the contributions; ``by`` names it.
        norms: what is usual in what the model learnt from.
        texts: of ``ngrams`` features, what they learnt of texts.
    """
    columns = feature_columns(rows, features)
    strongest = np.argsort(-contributions[:, :-1], axis=1, kind="stable")
    found = []
    for row in range(len(margins)):
        items: list[dict[str, object]] = []
        told = base = round(float(contributions[row, -1]), _DIGITS)
        for i in strongest[row].tolist():
            contribution = round(float(contributions[row, i]), _DIGITS)
            if contribution <= 0 or len(items) == REASONS:
                break
            feature, whole = features[i], _known(columns.column(i)[row].as_py())
            if not worth_telling(feature, whole, norms):
                continue
            items.append(
                {
                    "feature": feature.name,
                    "value": cut(whole) if isinstance(whole, str) else whole,
                    "contribution": contribution,
                    "text": in_words(feature, whole, norms, (texts or {}).get(feature.name)),
                }
            )
            told += contribution
        rest = round(float(margins[row]) - told, _DIGITS)
        items.append({"base": base, "rest": rest, "by": attribution})
        found.append(json.dumps(items, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return found


def _known(raw: object) -> Value:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, float) and np.isfinite(raw):
        return raw
    return None
