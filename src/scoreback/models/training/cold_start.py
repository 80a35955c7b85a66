"""Scores that pace the final model before it has scored a week: of the latest days, held out.

The final model has learnt from all days, so its scores on them are more extreme than on the days to
come. So the latest days are divided in two halves, and each half is scored by a model like the
final one that learnt from everything except that half, with the same rounds and the same scale.
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

_KEPT_DAYS = TRAILING_DAYS + 2  # whole days in any time zone, plus the partial days at both ends
_LEAST_KEPT = 200  # units of an hour; more are kept if the budget is large


def unseen_scores(
    detector: Detector, data: Dataset, parts: Parts, chosen: str, final: Candidates, effort: Effort
) -> Floats:
    """Scores of the units on the threshold days of *parts*, each by a model that never saw it.

    If the rows outside a half have only one class, the model of the earlier days scores all units.
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
    """What pacing begins with: the highest units of each hour of the latest threshold days.

    Args:
        detector: its budget decides how many units of an hour could matter.
        data: the history.
        parts: define the threshold days.
        scores: of the units on those days.
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
