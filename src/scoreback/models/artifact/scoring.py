"""Scores of feature rows by one artefact: the same row scores the same, alone or in any batch."""

from dataclasses import dataclass

import pyarrow as pa

from scoreback.models.artifact.explain import reasons_of
from scoreback.models.artifact.folder import Artifact
from scoreback.models.learners.model import Floats, Matrix, score_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A model's output for each row, in the order of the rows."""

    margins: Floats  # log-odds
    scores: Floats  # 0..1


class Scorer:
    """Scores rows with one artefact, on the number of threads that the artefact was loaded with."""

    def __init__(self, artifact: Artifact) -> None:
        """Prepare to score with *artifact*."""
        self.artifact = artifact
        self._encoder = artifact.encoder

    def score(self, rows: pa.Table) -> Scores:
        """Score feature *rows*.

        Raises:
            DataError: the rows lack a feature of the model, or hold it in another type.
        """
        return self.score_matrix(self._encoder.transform(rows))

    def score_matrix(self, matrix: Matrix) -> Scores:
        """Score rows that are already encoded, shape (rows, features)."""
        margins = self.artifact.model.margin(matrix)
        return Scores(margins=margins, scores=score_of(margins))

    def reasons(self, rows: pa.Table) -> list[str]:
        """The reasons for each of *rows* as a JSON list; slower than `score`: for alerts only."""
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
            self.artifact.usual,
            self._encoder.texts,
        )
