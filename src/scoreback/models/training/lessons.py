"""What a model of some rows learns from: a vocabulary of them alone, and a matrix of them."""

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
    """The encoder of the rows that are *learnt* from, and the lesson for every algorithm.

    Args:
        detector: its features and its seed.
        data: the history.
        truth: of all rows; 0 or 1 on those that are learnt from and on the *later* ones.
        learnt: rows that the model learns from.
        later: rows that tell when to stop; None: the number of rounds is known.
        threads: for fitting.
        tell: what goes on.
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
    """Those of *rows*; on average one, as regularisation is against the sum of weights."""
    if weights is None:
        return None
    own: Floats = weights[rows]
    return own / own.mean() if (own != 1).any() else None


def rows_of(data: Dataset, mask: Mask) -> pa.Table:
    """Feature columns of the rows of *mask*."""
    return data.features.filter(pa.array(mask))
