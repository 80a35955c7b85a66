"""What a model makes of a test's units: scores, alerts at its own threshold, and reasons.

The threshold is the model's from training, or the detector's floor where that is higher: earlier
days do not pace it, so the same fixture gives the same alerts for ever. Cap and throttle hold as
they do in the SIEM.
"""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.artifact.folder import Artifact
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.pacing import Cut
from scoreback.models.judging.threshold import suppression_of
from scoreback.models.learners.model import Floats
from scoreback.sampling import codes
from scoreback.suppression import opened_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model makes of each unit, in the order of the rows."""

    scores: Floats
    threshold: float
    hits: NDArray[np.bool_]  # at or above the threshold
    opener: NDArray[np.int64]  # row of the unit that opened a hit's alert; -1 for other units

    @property
    def opens(self) -> NDArray[np.bool_]:
        """Which units open an alert."""
        return np.asarray(self.opener == np.arange(len(self.opener)))


def said_of(detector: Detector, artifact: Artifact, rows: pa.Table, entities: pa.Array) -> Said:
    """What *artifact* makes of feature *rows* of *detector*, by time, with their *entities*."""
    scores = Scorer(artifact).score(rows).scores
    cut = Cut(artifact.manifest.threshold).at_least(detector.alerts.least_precision)
    hits = cut.passes(scores, np.zeros(len(scores)))
    opener = np.full(len(scores), -1, dtype=np.int64)
    found = np.flatnonzero(hits)
    times = flat(rows["event_time"]).cast(pa.int64()).to_numpy()
    coded = codes(entities)
    opener[found] = found[opened_by(times[found], coded[found], suppression_of(detector))]
    return Said(
        scores=scores,
        threshold=cut.score,
        hits=hits,
        opener=opener,
    )


def reasons_of(artifact: Artifact, rows: pa.Table) -> list[list[str]]:
    """The features that are reasons for each of *rows*, the strongest first."""
    told = [json.loads(one) for one in Scorer(artifact).reasons(rows)]
    return [[item["feature"] for item in one if "feature" in item] for one in told]
