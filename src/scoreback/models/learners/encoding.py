"""From feature rows to the float32 matrix that models see; fitted on training rows only.

Numbers go through as they are. A category becomes one column: the weight of evidence of its value,
that is the log-odds of being positive given the value, against the log-odds overall. A text of
``ngrams`` becomes one too: the log-odds of its parts (`scoreback.models.learners.texts`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.labels.dataset import feature_columns, is_category
from scoreback.models.learners.matrix_file import let_go, new_matrix, row_blocks
from scoreback.models.learners.model import Matrix, Tell, silent
from scoreback.models.learners.texts import TextModel, fit_text, out_of_fold

MIN_SEEN = 10  # a value seen less often says nothing that would hold on other days
SMOOTHING = 10.0  # rows of the overall rate that each value's own rate is mixed with
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns feature columns into a matrix; ``vocabularies`` and ``texts`` are all it learnt."""

    features: tuple[EventFeature | WindowFeature, ...]
    vocabularies: Mapping[str, Mapping[str, float]]  # feature → value → weight of evidence
    texts: Mapping[str, TextModel] = field(default_factory=dict)  # of ngrams features

    @classmethod
    def fit(
        cls,
        rows: pa.Table,
        truth: NDArray[np.int8],
        features: Sequence[EventFeature | WindowFeature],
        seed: int = 0,
    ) -> Self:
        """Learn the vocabularies from *rows*, whose truth (0 or 1) is *truth*.

        *seed* draws the sample of texts where they are too many.
        """
        columns = feature_columns(rows, features)
        rate = (float((truth == 1).sum()) + 0.5) / (len(truth) + 1.0)  # never 0 or 1
        vocabularies = {
            f.name: _weights_of_evidence(flat(columns.column(i)), truth, rate)
            for i, f in enumerate(features)
            if is_category(f)
        }
        texts = {
            f.name: fit_text(flat(columns.column(i)), truth, seed)
            for i, f in enumerate(features)
            if f.kind == "ngrams"
        }
        return cls(tuple(features), vocabularies, texts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the matrix columns, which are those of the features."""
        return tuple(f.name for f in self.features)

    @property
    def texts_at(self) -> list[int]:
        """The columns that are learnt from texts."""
        return [i for i, f in enumerate(self.features) if f.kind == "ngrams"]

    def transform(self, rows: pa.Table, *, texts: bool = True) -> Matrix:
        """The matrix of *rows*, shape (rows, features); missing is NaN.

        An infinite number is missing; one beyond float32 is cut to the largest. A value that was
        seen seldom or never in training weighs 0, like the average row. Without *texts*, which cost
        most, their columns are 0.
        """
        columns = [flat(column) for column in feature_columns(rows, self.features).columns]
        matrix = np.zeros((rows.num_rows, len(self.features)), dtype=np.float32)
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite at first
            for i, feature in enumerate(self.features):
                if is_category(feature):
                    matrix[:, i] = _looked_up(columns[i], self.vocabularies[feature.name])
                elif feature.kind == "ngrams":
                    if texts:
                        matrix[:, i] = self.texts[feature.name].margins(columns[i])
                else:
                    matrix[:, i] = columns[i].to_numpy(zero_copy_only=False)
        for i in np.flatnonzero(np.isinf(matrix).any(axis=0)).tolist():
            matrix[:, i] = _finite(columns[i].to_numpy(zero_copy_only=False))
        return matrix

    def learning_matrix(
        self, rows: pa.Table, truth: NDArray[np.int8], seed: int = 0, tell: Tell = silent
    ) -> Matrix:
        """The matrix of the very *rows* that this was fitted on, as a candidate should learn them.

        What was learnt from a row's own truth would tell that truth again: texts get the number
        of a model of the other rows. The matrix lies in a file without a name, written once, so
        that memory stays flat for those who read it in blocks (`matrix_file`). Texts take longest,
        so each part of theirs is told.
        """
        matrix = new_matrix(rows.num_rows, len(self.features))
        for part in row_blocks(matrix):
            block = rows.slice(part.start, part.stop - part.start)
            matrix[part] = self.transform(block, texts=False)
            let_go(matrix)
        for i in self.texts_at:
            column = flat(rows.column(self.features[i].name))
            matrix[:, i] = out_of_fold(column, truth, seed, tell)
        return matrix


def _weights_of_evidence(
    column: pa.Array, truth: NDArray[np.int8], rate: float
) -> dict[str, float]:
    coded = column.dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy()
    seen = np.bincount(codes[codes >= 0], minlength=len(coded.dictionary))
    positive = np.bincount(codes[(codes >= 0) & (truth == 1)], minlength=len(coded.dictionary))
    overall = math.log(rate / (1 - rate))
    weights = {}
    for code, value in enumerate(coded.dictionary.to_pylist()):
        if seen[code] >= MIN_SEEN:
            own = (float(positive[code]) + SMOOTHING * rate) / (float(seen[code]) + SMOOTHING)
            weights[value] = math.log(own / (1 - own)) - overall
    return dict(sorted(weights.items()))


def _looked_up(column: pa.Array, vocabulary: Mapping[str, float]) -> NDArray[np.float64]:
    known = pa.array(list(vocabulary), pa.string())
    weights = np.array([*vocabulary.values(), 0.0])  # the last stands for values not in it
    index = pc.fill_null(pc.index_in(column, value_set=known), len(vocabulary)).to_numpy()
    found: NDArray[np.float64] = weights[index]
    if column.null_count:
        found[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return found


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.where(np.isinf(numbers), np.nan, numbers)
    return np.clip(known, -_FLOAT32_MAX, _FLOAT32_MAX)
