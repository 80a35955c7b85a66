"""By which chance labelled units were shown to people, and what each of them then stands for.

An alert was shown for sure, so its verdict stands for itself. A unit that was drawn, as an audit or
for a shadow, stands for the many alike that were not: for one over its chance (Horvitz and Thompson
1952), up to `CAP`, as few of great weight would otherwise decide alone.
"""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.labels.truths import standing_at
from scoreback.models.labels.unit_labels import subjects
from scoreback.records import audit_rule_name, explore_rule_name

CAP = 20.0  # units that one drawn unit stands for, at most

Floats = NDArray[np.float64]


def weights_of(
    event_ids: pa.Array, labels: pa.Table, detector: str, as_of: datetime
) -> Floats | None:
    """What each unit of *event_ids* stands for by the labels of *as_of*; None where none was drawn.

    A unit that was shown for another reason too, as an alert of another version say, was not drawn:
    it stands for itself, and so does one whose chance is not known.
    """
    drawn = drawn_labels(labels, detector)
    if not pc.any(drawn).as_py():
        return None
    known = standing_at(labels.append_column("drawn", drawn), as_of)
    subject, of_draw = flat(subjects(known)), flat(known["drawn"])
    chance = pc.if_else(of_draw, flat(known["propensity"]), pa.scalar(1.0))
    place = pc.index_in(subject, value_set=event_ids)
    found = pc.is_valid(place)
    rows = place.filter(found).to_numpy().astype(np.int64)
    chances = np.zeros(len(event_ids))
    np.maximum.at(chances, rows, chance.filter(found).to_numpy())
    weights = np.ones(len(event_ids))
    some = chances > 0
    weights[some] = np.minimum(1.0 / chances[some], CAP)
    return weights if (weights > 1.0).any() else None


def drawn_labels(labels: pa.Table, detector: str) -> pa.ChunkedArray:
    """Which of *labels* are verdicts on alerts of *detector* that were drawn, by a known chance."""
    rules = pa.array([audit_rule_name(detector), explore_rule_name(detector)])
    chance = pc.fill_null(labels["propensity"], 0.0)
    likely = pc.and_(pc.greater(chance, 0.0), pc.less_equal(chance, 1.0))
    return pc.and_(pc.is_in(labels["rule"], value_set=rules), likely)


def effective(weights: Floats) -> float:
    """How many rows of equal weight tell as much as rows of these *weights* (Kish 1965)."""
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0
