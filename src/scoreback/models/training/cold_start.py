"""What the final model is paced by before it has scored a week: the latest days, scored unseen.

The final model has learnt from all days, so what it says of them is surer than what it will say of
the next. So the latest days are cut in two, and each half is scored by a model like the final one
that learnt from everything but that half: as many rows, the same rounds, the same scale.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.pacing import TIES, TRAILING_DAYS
from scoreback.models.judging.past import Past, Units
from scoreback.models.labels.dataset import Dataset, Mask
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Effort, Floats, score_of
from scoreback.models.training.candidates import Candidates, weights_for
from scoreback.models.training.lessons import lesson_of, rows_of
from scoreback.models.training.splits import Parts
from scoreback.sampling import codes, draws
from scoreback.suppression import DAY_US
from scoreback.times import HOUR_US

_KEPT_DAYS = TRAILING_DAYS + 2  # whole days of any zone, and the parts at both ends
_LEAST_KEPT = 200  # units of an hour; more are kept where the budget is large


def unseen_scores(
    detector: Detector, data: Dataset, parts: Parts, chosen: str, final: Candidates, effort: Effort
) -> Floats:
    """Scores of the units on the threshold days of *parts*, each by a model that never saw it.

    Where a half cannot be left out, as the rest teaches nothing, the model of the earlier days
    speaks for all.
    """
    early = score_of(final.threshold_margins[chosen])
    scores = np.full(len(data), np.nan)
    truth = parts.known.truth
    for half in _halves(parts.threshold):
        learnt = parts.all & ~half
        if len(np.unique(truth[learnt])) < 2:
            return early
        encoder, lesson = lesson_of(
            detector, data, truth, learnt, threads=effort.threads,
            weights=weights_for(parts, effort),
        )  # fmt: skip
        lesson = replace(
            lesson, rounds=final.models[chosen].rounds, parameters=effort.parameters.get(chosen, {})
        )
        model = algorithms()[chosen].fit(lesson)
        scores[half] = score_of(model.margin(encoder.transform(rows_of(data, half))))
    return scores[parts.threshold]


def cold_start_of(detector: Detector, data: Dataset, parts: Parts, scores: Floats) -> Past:
    """What pacing begins with: the best units of each hour of the latest threshold days.

    Args:
        detector: whose budget says how many could matter.
        data: the history.
        parts: whose threshold days.
        scores: of the units of those days.
    """
    rows = np.flatnonzero(parts.threshold)
    end = int(data.times[rows[-1]]) + 1 if len(rows) else 0
    latest = data.times[rows] >= end - _KEPT_DAYS * DAY_US
    rows, scores = rows[latest], scores[latest]
    hours, counts = np.unique(data.times[rows] // HOUR_US, return_counts=True)
    most = max(_LEAST_KEPT, int(2 * detector.alerts.budget))
    order = np.lexsort((-scores, data.times[rows] // HOUR_US))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(order[place < most])
    entities = codes(data.entity_names)
    entities = np.append(entities, -1)[data.entities[rows[kept]]]
    return Past(
        units=Units(
            times=data.times[rows[kept]],
            event_times=data.times[rows[kept]],
            entities=entities,
            scores=scores[kept],
            draws=draws(data.event_ids.take(rows[kept]), TIES),
        ),
        opened=np.zeros(len(kept), dtype=bool),
        hours=dict(zip((hours * HOUR_US).tolist(), counts.tolist(), strict=True)),
    )


def _halves(threshold: Mask) -> Iterator[Mask]:
    """The earlier and the later half of the rows of *threshold*."""
    rows = np.flatnonzero(threshold)
    for some in np.array_split(rows, 2):
        if len(some):
            half = np.zeros(len(threshold), dtype=bool)
            half[some] = True
            yield half
