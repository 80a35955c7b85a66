"""Scores of feature rows by one artefact: the same row scores the same, alone or in any batch."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.models.artifact.explain import reasons_of
from scoreback.models.artifact.folder import Artifact
from scoreback.models.learners.model import Floats, Matrix, score_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a model says of each row, in the order of the rows."""

    margins: Floats  # log-odds
    scores: Floats  # 0..1
    risks: Floats  # 0..100, 47 at the threshold
    alerts: NDArray[np.bool_]  # score >= threshold
    kept: NDArray[np.bool_]  # score >= keep floor; every alert is among them


class Scorer:
    """Scores rows with one artefact, on the threads that it was loaded for."""

    def __init__(self, artifact: Artifact) -> None:
        """Prepare to score with *artifact*."""
        self.artifact = artifact
        self._encoder = artifact.encoder
        self._risk = artifact.risk_map

    def score(self, rows: pa.Table) -> Scores:
        """Score feature *rows*.

        Raises:
            DataError: the rows lack a feature of the model, or hold it in another type.
        """
        return self.score_matrix(self._encoder.transform(rows))

    def score_matrix(self, matrix: Matrix) -> Scores:
        """Score rows that are encoded already, shape (rows, features)."""
        margins = self.artifact.model.margin(matrix)
        scores = score_of(margins)
        return Scores(
            margins=margins,
            scores=scores,
            risks=self._risk(scores),
            alerts=scores >= self.artifact.manifest.threshold,
            kept=scores >= self.artifact.manifest.keep_floor,
        )

    def reasons(self, rows: pa.Table) -> list[str]:
        """Reasons of each of *rows* as a JSON list; meant for alerts only, as it costs more."""
        if not rows.num_rows:
            return []
        matrix = self._encoder.transform(rows)
        model = self.artifact.model
        return reasons_of(
            self.artifact.features,
            rows,
            model.contributions(matrix),
            model.margin(matrix),
            model.attribution,
        )
