"""Encodes feature rows as the float32 matrix that models see; fitted on training rows only.

Numbers stay unchanged. A category becomes one column, the weight of evidence of its value: the
log-odds of being positive given the value, minus the overall log-odds. A text of ``ngrams`` also
becomes one column: its log-odds by a text model (`scoreback.models.learners.texts`).
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

MIN_SEEN = 10  # the rate of a value seen less often would not hold on other days
SMOOTHING = 10.0  # rows at the overall rate that are added to each value's own rows
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns feature columns into a matrix; it learns only ``vocabularies`` and ``texts``."""

    features: tuple[EventFeature | WindowFeature, ...]
    vocabularies: Mapping[str, Mapping[str, float]]  # feature → value → weight of evidence
    texts: Mapping[str, TextModel] = field(default_factory=dict)  # ngrams feature → text model

    @classmethod
    def fit(
        cls,
        rows: pa.Table,
        truth: NDArray[np.int8],
        features: Sequence[EventFeature | WindowFeature],
        seed: int = 0,
    ) -> Self:
        """Learn vocabularies and text models from *rows* and their *truth* (0 or 1).

        If there are too many texts, *seed* decides the sample of them.
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
        """Names of the matrix columns: those of the features."""
        return tuple(f.name for f in self.features)

    @property
    def texts_at(self) -> list[int]:
        """Indices of the columns that hold text features."""
        return [i for i, f in enumerate(self.features) if f.kind == "ngrams"]

    def transform(self, rows: pa.Table, *, texts: bool = True) -> Matrix:
        """The matrix of *rows*, shape (rows, features); missing is NaN.

        An infinite number is missing; one beyond float32 becomes the largest float32. A category
        seen rarely or never in training weighs 0, like the average row. Without *texts*, which cost
        most, the text columns are 0.
        """
        columns = [flat(column) for column in feature_columns(rows, self.features).columns]
        matrix = np.zeros((rows.num_rows, len(self.features)), dtype=np.float32)
        with np.errstate(over="ignore"):  # numbers beyond float32 become infinite at first
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
        """The matrix of the same *rows* that this was fitted on, for a candidate to learn from.

        A text model that learnt from a row's own truth would leak that truth, so each text gets
        its log-odds from a model of other rows. The matrix is written once, to an unnamed file, so
        that readers that go block by block need little memory (`matrix_file`). Texts take longest:
        *tell* is called for each part of them.
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
    weights = np.array([*vocabulary.values(), 0.0])  # the last is for unknown values
    index = pc.fill_null(pc.index_in(column, value_set=known), len(vocabulary)).to_numpy()
    found: NDArray[np.float64] = weights[index]
    if column.null_count:
        found[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return found


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.where(np.isinf(numbers), np.nan, numbers)
    return np.clip(known, -_FLOAT32_MAX, _FLOAT32_MAX)
