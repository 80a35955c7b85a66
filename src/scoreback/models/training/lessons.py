"""Builds the input of a model from the rows that it learns from: an encoder and a matrix."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, Mask
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Floats, Lesson, Tell, silent


def lesson_of(
    detector: Detector,
    data: Dataset,
    truth: NDArray[np.int8],
    learnt: Mask,
    *,
    later: Mask | None = None,
    threads: int,
    tell: Tell = silent,
    weights: Floats | None = None,
) -> tuple[Encoder, Lesson]:
    """The encoder fitted on the *learnt* rows, and the lesson for every algorithm.

    Args:
        detector: gives the features and the seed.
        data: the history.
        truth: of all rows; 0 or 1 on the *learnt* and the *later* ones.
        learnt: rows that the model learns from.
        later: rows that decide when to stop; None if the number of rounds is known.
        threads: for fitting.
        tell: reports progress.
        weights: how many units each row stands for; None: one.
    """
    seed, rows, known = detector.train.seed, rows_of(data, learnt), truth[learnt]
    encoder = Encoder.fit(rows, known, detector.features, seed)
    return encoder, Lesson(
        matrix=encoder.learning_matrix(rows, known, seed, tell),
        truth=known,
        later_matrix=None if later is None else encoder.transform(rows_of(data, later)),
        later_truth=None if later is None else truth[later],
        weights=_averaging_one(weights, learnt),
        later_weights=None if later is None else _averaging_one(weights, later),
        seed=seed,
        threads=threads,
    )


def _averaging_one(weights: Floats | None, rows: Mask) -> Floats | None:
    """The weights of *rows*, scaled to a mean of one: regularisation depends on their sum."""
    if weights is None:
        return None
    own: Floats = weights[rows]
    return own / own.mean() if (own != 1).any() else None


def rows_of(data: Dataset, mask: Mask) -> pa.Table:
    """Feature columns of the rows of *mask*."""
    return data.features.filter(pa.array(mask))
