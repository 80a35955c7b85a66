"""Why a unit alerted: its three strongest reasons in an analyst's words, adding up to its score."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from scoreback.models.artifact.amounts import cut
from scoreback.models.artifact.unusual import alone_usual
from scoreback.models.artifact.window_words import Beside
from scoreback.models.artifact.words import Value, in_words, worth_telling
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.features.told import field_column, times_column
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

    A missing value, or one that says that nothing happened, counts towards the rest unless the
    artefact recorded how usual that is. A usual value also counts towards the rest if the row has
    an unusual one.

    Each reason is ``{"feature", "value", "contribution", "text"}``; the last item is ``{"base",
    "rest", "by"}``. All contributions, the base and the rest sum to the log-odds of the score.

    Args:
        features: the feature plan.
        rows: raw feature columns; reasons also use the fields and counts of `features.told`.
        contributions: shape (rows, features + 1), the base last.
        margins: log-odds of each row.
        attribution: the method that computed the contributions; ``by`` names it.
        norms: the usual values in the training data.
        texts: the text model of each ``ngrams`` feature.
    """
    columns = feature_columns(rows, features)
    strongest = np.argsort(-contributions[:, :-1], axis=1, kind="stable")
    found = []
    for row in range(len(margins)):
        items: list[dict[str, object]] = []
        usual: list[dict[str, object]] = []  # reasons if the row has no others
        base = round(float(contributions[row, -1]), _DIGITS)
        for i in strongest[row].tolist():
            contribution = round(float(contributions[row, i]), _DIGITS)
            if contribution <= 0 or len(items) == REASONS:
                break
            feature, whole = features[i], _known(columns.column(i)[row].as_py())
            if not worth_telling(feature, whole, norms):
                continue
            text = in_words(
                feature, whole, norms, (texts or {}).get(feature.name),
                _beside(feature, rows, row, features),
            )  # fmt: skip
            (usual if alone_usual(text) else items).append(
                {
                    "feature": feature.name,
                    "value": cut(whole) if isinstance(whole, str) else whole,
                    "contribution": contribution,
                    "text": text,
                }
            )
        items = items or usual[:REASONS]
        told = base + sum(float(str(item["contribution"])) for item in items)
        rest = round(float(margins[row]) - told, _DIGITS)
        items.append({"base": base, "rest": rest, "by": attribution})
        found.append(json.dumps(items, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return found


def _beside(
    feature: EventFeature | WindowFeature,
    rows: pa.Table,
    row: int,
    features: Sequence[EventFeature | WindowFeature],
) -> Beside:
    """The values in *row* of *feature*'s fields, from carried columns or category features."""
    if not isinstance(feature, WindowFeature):
        return Beside()
    categories = {f.field: f.name for f in features if f.kind == "category"}
    fields = {}
    for name in {*feature.by, feature.field}:
        value = _cell(rows, field_column(name or ""), row)
        if value is None and name in categories:
            value = _cell(rows, categories[name], row)
        if isinstance(value, str) and value:
            fields[name or ""] = value
    times = _cell(rows, times_column(feature), row)
    return Beside(fields, times if isinstance(times, float) else None)


def _cell(rows: pa.Table, name: str, row: int) -> Value:
    found = rows.schema.get_all_field_indices(name)
    return _known(rows.column(found[0])[row].as_py()) if found else None


def _known(raw: object) -> Value:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, float) and np.isfinite(raw):
        return raw
    return None
