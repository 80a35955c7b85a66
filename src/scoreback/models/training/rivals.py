"""Two figures shown only beside others: for a random split, and for entities never seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Evaluation, evaluate
from scoreback.models.judging.threshold import suppression_of
from scoreback.models.labels.dataset import Dataset, Known, Mask, once_a_day
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Effort
from scoreback.models.learners.ranking import average_precision
from scoreback.models.training.candidates import BASELINE, fit_candidates, replays
from scoreback.models.training.lessons import lesson_of, rows_of
from scoreback.models.training.splits import Origin, Span, parts_of

MAX_VALUES = 20  # of the held-out field; each costs a training
_FIT, _STOP = 0.55, 0.7  # shares of the random split: fit, stop, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutValue:
    """One value of the field: figures of a model that never saw it."""

    value: str
    rows: int
    evaluation: Evaluation
    baseline: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Every value of ``split.hold_out``; one without a table left too few other rows to learn."""

    field: str
    values: tuple[HeldOutValue, ...]
    skipped: tuple[str, ...]

    @property
    def mean_average_precision(self) -> float | None:
        """The mean over values with positives, with equal weights."""
        return float(np.mean(found)) if (found := self._average_precisions()) else None

    @property
    def worst_average_precision(self) -> float | None:
        """Average precision on the value where it is lowest."""
        return min(self._average_precisions(), default=None)

    def _average_precisions(self) -> list[float]:
        found = [v.evaluation.average_precision for v in self.values]
        return [precision for precision in found if precision is not None]


def values_to_hold_out(data: Dataset, known: Known) -> tuple[str, ...]:
    """Values of the held-out field among usable rows, sorted; none if under 2 or too many."""
    if data.hold_out is None:
        return ()
    seen = pc.unique(data.hold_out.filter(pa.array(known.usable))).drop_null()
    values = sorted(seen.to_pylist())
    return tuple(values) if 2 <= len(values) <= MAX_VALUES else ()


def held_out(
    detector: Detector,
    data: Dataset,
    known: Known,
    chosen: str,
    values: Sequence[str],
    effort: Effort,
    tell: Callable[[int, str], None],
) -> HeldOut:
    """Judge *chosen* on each of *values*, with a model trained on the rows of the other values."""
    found, skipped = [], []
    for i, value in enumerate(values):
        tell(i, value)
        mine = pc.fill_null(pc.equal(data.hold_out, value), False)
        judged = _judged(detector, data, known, mine.to_numpy(zero_copy_only=False), chosen, effort)
        if judged is None:
            skipped.append(value)
        else:
            rows, evaluation, baseline = judged
            found.append(
                HeldOutValue(value=value, rows=rows, evaluation=evaluation, baseline=baseline)
            )
    return HeldOut(
        field=detector.split.hold_out[0] if detector.split.hold_out else "",
        values=tuple(found),
        skipped=tuple(skipped),
    )


def _judged(
    detector: Detector, data: Dataset, known: Known, mine: Mask, chosen: str, effort: Effort
) -> tuple[int, Evaluation, Evaluation] | None:
    others = replace(
        known,
        usable=known.usable & ~mine,
        truth=np.where(mine, np.int8(UNKNOWN), known.truth),
    )
    parts = parts_of(data, others)
    judged = known.usable & mine
    if parts is None or not judged.any():
        return None
    times = data.times[judged]
    span = Span(int(times[0]), int(times[-1]) + 1)
    origin = Origin(parts=parts, judged=judged, judged_span=span)
    candidates = fit_candidates(detector, data, parts, [chosen], effort)
    said = replays(data, known, origin, candidates)
    rule, budget, seed = suppression_of(detector), detector.alerts.budget, detector.train.seed
    own, baseline = (
        evaluate(name, [said[name]], budget=budget, rule=rule, seed=seed)
        for name in (chosen, BASELINE)
    )
    return int(judged.sum()), own, baseline


def random_split_precision(
    detector: Detector, data: Dataset, known: Known, chosen: str, effort: Effort
) -> float | None:
    """Average precision on a random part of all days: what temporal snooping would promise."""
    kept = np.flatnonzero(once_a_day(data, known.truth, known.labelled))
    draw = np.random.default_rng(detector.train.seed).permutation(len(kept))
    masks = []
    for low, high in ((0.0, _FIT), (_FIT, _STOP), (_STOP, 1.0)):
        mask = np.zeros(len(data), dtype=bool)
        mask[kept[draw[int(low * len(kept)) : int(high * len(kept))]]] = True
        masks.append(mask)
    fit, stop, judged = masks
    if len(np.unique(known.truth[fit])) < 2:
        return None
    encoder, lesson = lesson_of(
        detector, data, known.truth, fit, later=stop, threads=effort.threads, tell=effort.tell,
        weights=known.weights if effort.weighed else None,
    )  # fmt: skip
    parameters = effort.parameters.get(chosen, {})
    model = algorithms()[chosen].fit(replace(lesson, parameters=parameters))
    precision = average_precision(
        known.truth[judged], model.margin(encoder.transform(rows_of(data, judged)))
    )
    return None if np.isnan(precision) else precision
