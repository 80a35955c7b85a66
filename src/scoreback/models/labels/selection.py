"""The chance with which labelled units were shown to people, and the weight that follows from it.

An alert was certainly shown, so its verdict has weight one. A unit that was sampled, for an audit
or for a shadow, also represents the similar units that were not: its weight is one over its chance
(Horvitz and Thompson 1952), at most `CAP`, because a few units of great weight would otherwise
decide alone.
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

CAP = 20.0  # the most units that one sampled unit stands for

Floats = NDArray[np.float64]


def weights_of(
    event_ids: pa.Array, labels: pa.Table, detector: str, as_of: datetime
) -> Floats | None:
    """The weight of each unit of *event_ids* by the labels of *as_of*; None if none was sampled.

    A unit that was also shown for another reason, such as an alert of another version, does not
    count as sampled: its weight is one, as is that of a unit whose chance is unknown.
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
    """Which of *labels* are verdicts on *detector*'s sampled alerts with a known chance."""
    rules = pa.array([audit_rule_name(detector), explore_rule_name(detector)])
    chance = pc.fill_null(labels["propensity"], 0.0)
    likely = pc.and_(pc.greater(chance, 0.0), pc.less_equal(chance, 1.0))
    return pc.and_(pc.is_in(labels["rule"], value_set=rules), likely)


def effective(weights: Floats) -> float:
    """Effective sample size: how many equally weighted rows tell as much as these (Kish 1965)."""
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0
