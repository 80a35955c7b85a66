"""What competes at one origin: every algorithm of the detector, and the best single feature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from scoreback.models.algorithms import Floats, Lesson, Matrix, Model, algorithms
from scoreback.models.dataset import Dataset, Known, Mask
from scoreback.models.detector import Detector
from scoreback.models.encoding import Encoder
from scoreback.models.evaluation import Replay
from scoreback.models.labels import UNKNOWN
from scoreback.models.linear import SingleFeature, fit_single_feature
from scoreback.models.splits import Origin, Parts, Span
from scoreback.models.threshold import ScoredUnits

BASELINE = "best_single_feature"


class Ranker(Protocol):
    """Ranks rows: all that judging needs."""

    def margin(self, matrix: Matrix) -> Floats:
        """Higher is more suspicious."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What was fitted on the same rows: one encoder, several models, the best single feature."""

    encoder: Encoder
    models: Mapping[str, Model]
    single: SingleFeature

    @property
    def rankers(self) -> Mapping[str, Ranker]:
        """All of them by name, the single feature last."""
        return {**self.models, BASELINE: self.single}

    @property
    def single_feature(self) -> str:
        """Name of the best single feature, with a minus where low values are suspicious."""
        name = self.encoder.names[self.single.index]
        return name if self.single.sign > 0 else f"-{name}"


def fit_candidates(
    detector: Detector, data: Dataset, parts: Parts, names: Sequence[str], threads: int
) -> Candidates:
    """Fit the algorithms called *names* on *parts*; its later days only tell when to stop."""
    truth = parts.known.truth
    later = parts.threshold & (truth != UNKNOWN)
    encoder = Encoder.fit(rows_of(data, parts.fit), truth[parts.fit], detector.features)
    lesson = Lesson(
        matrix=encoder.transform(rows_of(data, parts.fit)),
        truth=truth[parts.fit],
        later_matrix=encoder.transform(rows_of(data, later)),
        later_truth=truth[later],
        seed=detector.train.seed,
        threads=threads,
    )
    known = algorithms()
    return Candidates(
        encoder=encoder,
        models={name: known[name].fit(lesson) for name in names},
        single=fit_single_feature(lesson),
    )


def replays(
    data: Dataset, final: Known, origin: Origin, candidates: Candidates
) -> Mapping[str, Replay]:
    """What each of *candidates* says of its threshold days and of the days it is judged on."""
    before, after = origin.parts.threshold, origin.judged
    before_matrix = candidates.encoder.transform(rows_of(data, before))
    after_matrix = candidates.encoder.transform(rows_of(data, after))
    return {
        name: Replay(
            before=units_of(
                data, before, origin.parts.threshold_span, ranker.margin(before_matrix)
            ),
            after=units_of(data, after, origin.judged_span, ranker.margin(after_matrix)),
            truth=final.truth[after],
            verdicts=final.verdicts[after],
        )
        for name, ranker in candidates.rankers.items()
    }


def rows_of(data: Dataset, mask: Mask) -> pa.Table:
    """Feature columns of the rows of *mask*."""
    return data.features.filter(pa.array(mask))


def units_of(data: Dataset, mask: Mask, span: Span, scores: Floats) -> ScoredUnits:
    """The rows of *mask* with their *scores*."""
    return ScoredUnits(
        times=data.times[mask],
        entities=np.asarray(data.entities[mask]),
        scores=scores,
        span=span.length,
    )
