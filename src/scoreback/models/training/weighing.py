"""Decides by trial whether units sampled for review are weighted by one over their chance.

Models with and without weights are fitted on the first days that any candidate is fitted on, and
compared on the days just after, before any judged day. Weights are used only if they clearly rank
those days better and show no fewer true alerts at the budget; each labelled unit counts as the
units that it stands for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.equal_volume import best_units, volume
from scoreback.models.judging.threshold import suppression_of
from scoreback.models.labels.dataset import Dataset, Known, Mask
from scoreback.models.labels.selection import CAP, effective
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Effort, Floats, silent
from scoreback.models.learners.ranking import mean_over_rankings, share_better
from scoreback.models.training.candidates import first_lesson, units_of
from scoreback.models.training.lessons import rows_of
from scoreback.models.training.splits import Parts

LEAST_POSITIVES = 20  # on the later days; fewer cannot distinguish the two ways
CHANCE = 0.05  # chance that weights only seem better


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """Whether weights by the chance of having been shown are used, and why."""

    used: bool
    why: str
    cap: float
    drawn: int  # sampled rows among those learnt from
    rows: int  # rows that the final model learns from
    effective_rows: float  # as many rows of equal weight would tell as much
    weighted: float | None = None  # average precision on the later days, if compared
    unweighted: float | None = None

    @property
    def in_words(self) -> str:
        """One sentence for people."""
        done = "used" if self.used else "not used"
        rows = f"; {self.rows:,} rows tell as much as {self.effective_rows:,.0f} of equal weight"
        return f"weights by chance of being shown: {done}, {self.why}{rows if self.used else ''}"


def weighing(
    detector: Detector,
    data: Dataset,
    parts: Parts,
    first: Parts,
    effort: Effort,
) -> Weighing | None:
    """Decide for *detector*; None if it learns from no sampled unit.

    Args:
        detector: its ``train.propensity`` says whether to try.
        data: the history.
        parts: of the final model.
        first: of the first judged model; both ways are compared on its days.
        effort: settings for fitting.
    """
    learnt = _weights(parts.known, parts.all)
    drawn = int((learnt > 1).sum())
    if not drawn:
        return None
    made = Weighing(
        used=False, why="", cap=CAP, drawn=drawn, rows=len(learnt), effective_rows=effective(learnt)
    )
    if detector.train.propensity != "auto":
        used = detector.train.propensity == "on"
        return replace(made, used=used, why=f"as train.propensity is {detector.train.propensity}")
    if detector.labels.unlabelled == "presumed_benign":
        return replace(
            made, why="as units that nobody saw are learnt from already, presumed benign"
        )
    if not (_weights(first.known, first.fit) > 1).any():
        return replace(made, why="as none was drawn in the earlier days, where both are compared")
    later = np.asarray(first.threshold & (first.known.truth != UNKNOWN))
    positives = int((first.known.truth[later] == 1).sum())
    if positives < LEAST_POSITIVES:
        return replace(
            made,
            why=f"as the later days have {positives} positives to compare by, {LEAST_POSITIVES}"
            " needed",
        )
    return _compared(detector, data, first, effort, made)


def _compared(
    detector: Detector,
    data: Dataset,
    first: Parts,
    effort: Effort,
    made: Weighing,
) -> Weighing:
    names = detector.train.algorithms
    with_weights, without = (
        [_margins(detector, data, first, name, replace(effort, weighed=weighed)) for name in names]
        for weighed in (True, False)
    )
    labelled = first.known.truth[first.threshold] != UNKNOWN
    truth = first.known.truth[first.threshold][labelled]
    weights = _weights(first.known, first.threshold)[labelled]

    said, before_said = ([m[labelled] for m in way] for way in (with_weights, without))
    weighted, unweighted = (mean_over_rankings(truth, way, weights) for way in (said, before_said))
    better = share_better(truth, said, before_said, detector.train.seed, weights)
    found, before = (_true_alerts(detector, data, first, way) for way in (with_weights, without))
    sure = better >= 1 - CHANCE
    used = sure and found >= before
    word = "better" if used else "no better"
    why = f"{word} on later days ({weighted:.2f} against {unweighted:.2f})"
    if sure and not used:
        why = f"fewer true alerts at the budget on later days ({found:.0f} against {before:.0f})"
    return replace(made, used=used, why=why, weighted=weighted, unweighted=unweighted)


def _margins(
    detector: Detector,
    data: Dataset,
    parts: Parts,
    name: str,
    effort: Effort,
) -> Floats:
    """Log-odds of every unit of the later days by *name*, fitted on the earlier days."""
    effort.tell(f"{name}, {'weighted' if effort.weighed else 'unweighted'}")
    encoder, lesson = first_lesson(detector, data, parts, replace(effort, tell=silent))
    parameters = effort.parameters.get(name, {})
    model = algorithms()[name].fit(replace(lesson, parameters=parameters))
    return model.margin(encoder.transform(rows_of(data, parts.threshold)))


def _true_alerts(detector: Detector, data: Dataset, parts: Parts, said: Sequence[Floats]) -> float:
    """True alerts on the later days at the budget, averaged over the models' scores in *said*.

    Each known true alert counts by its weight: only the sampled share of such units is labelled.
    """
    truth = parts.known.truth[parts.threshold]
    weights = _weights(parts.known, parts.threshold)
    found = []
    for margins in said:
        units = units_of(data, parts.threshold, parts.threshold_span, margins)
        count = volume(detector.alerts.budget, units.days)
        shown = best_units(units, count, suppression_of(detector), seed=detector.train.seed)
        found.append(float(weights[shown.opened][truth[shown.opened] == 1].sum()))
    return float(np.mean(found))


def _weights(known: Known, rows: Mask) -> Floats:
    return np.ones(int(rows.sum())) if known.weights is None else known.weights[rows]
