"""Text as one number: how much the parts of a command line, URL or payload look like attacks.

A text becomes the set of its runs of two to four characters, hashed into buckets and normalised to
length one (`text_hashing`). A logistic regression over the buckets, fitted on training rows, gives
the log-odds. So a text is one column for every candidate, it gives one reason, and the stored model
is a table of weights.

The table's log-odds are too good on the rows that it was fitted on, and would mislead the candidate
that learns from them. So those rows get log-odds from a table that never saw their part of the
history: `out_of_fold`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats, Tell, silent
from scoreback.models.learners.text_hashing import BUCKETS, hashed
from scoreback.models.learners.text_sample import TextCounts, TextSample, at_a_time

LEAST_POSITIVES = 5  # distinct texts; nothing can be learnt from fewer
FOLDS = 5
_STRENGTH = 10.0  # inverse of the penalty; length-one rows need weights well above one
# Where attacks are rare, scikit-learn's default tolerance ends the fit after too few steps:
# with 164 of 27,000 descriptions positive, average precision was 0.013 instead of 0.041.
_TOLERANCE = 1e-5
_STEPS = 200
_DIGITS = 5  # decimals of a weight; fewer than a float32 holds, and enough


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text's log-odds: the intercept plus the weights of the buckets that its runs fall into."""

    intercept: float
    weights: Mapping[int, float]
    counts: TextCounts | None = field(default=None, compare=False)  # None if read from a file

    def margins(self, texts: pa.Array) -> Floats:
        """Log-odds of each text; NaN if it is missing."""
        differing = _Differing.of(texts)
        return self._margins(differing, differing.code)

    def _margins(self, differing: "_Differing", code: NDArray[np.int64]) -> Floats:
        """Log-odds of the texts that *code* refers to; the code past the last one means no text."""
        count = len(differing.texts)
        asked = np.unique(code[code < count])
        table = np.zeros(BUCKETS)
        table[list(self.weights)] = list(self.weights.values())
        found = np.full(count + 1, np.nan)
        step = at_a_time(differing.texts)
        for start in range(0, len(asked), step):
            part = asked[start : start + step]
            found[part] = differing.buckets(part) @ table + self.intercept
        return found[code]


def fit_text(texts: pa.Array, truth: NDArray[np.int8], seed: int = 0) -> TextModel:
    """Fit a model to *texts* and their *truth* (0 or 1).

    If too many are distinct (`text_sample`), it learns from a sample that *seed* decides. If too
    few of the positive texts are distinct, the model gives every text the same log-odds.
    """
    differing = _Differing.of(texts)
    sample = differing.sampled(truth, seed)
    return _fit(differing, sample, differing.code, truth)


def out_of_fold(
    texts: pa.Array, truth: NDArray[np.int8], seed: int = 0, tell: Tell = silent
) -> Floats:
    """Each row's log-odds by a model of the other parts of history; rows are in order of time."""
    fold = np.arange(len(texts)) * FOLDS // max(len(texts), 1)
    found = np.full(len(texts), np.nan)
    differing = _Differing.of(texts)
    sample = differing.sampled(truth, seed)
    for part in np.unique(fold).tolist():
        tell(f"texts, part {part + 1} of {FOLDS}")
        mine = fold == part
        others = _fit(differing, sample, differing.code[~mine], truth[~mine])
        found[mine] = others._margins(differing, differing.code[mine])
    return found


@dataclass(slots=True)
class _Differing:
    """Distinct texts, and each row's code among them, or the code past the last if it has none.

    Hashing a text costs far more than reading its hashes, so texts to learn from are hashed once.
    """

    texts: pa.Array
    code: NDArray[np.int64]
    held: NDArray[np.int64]  # each text's row in `hashed`; -1 if it has none
    hashed: Any = None  # a SciPy sparse matrix

    @classmethod
    def of(cls, texts: pa.Array) -> "_Differing":
        coded = texts.dictionary_encode()
        distinct = coded.dictionary
        code = pc.fill_null(coded.indices, len(distinct)).to_numpy()
        return cls(distinct, code, np.full(len(distinct), -1))

    def sampled(self, truth: NDArray[np.int8], seed: int) -> TextSample:
        """Choose the texts to learn from, and hash them."""
        positive, negative = (count > 0 for count in self.counted(self.code, truth))
        sample = TextSample.of(self.texts, positive, negative, seed)
        places = sample.either
        if len(places):
            self.hashed = hashed(self.texts.take(pa.array(places)).to_pylist())
            self.held[places] = np.arange(len(places))
        return sample

    def counted(
        self, code: NDArray[np.int64], truth: NDArray[np.int8]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The number of positive and of negative rows with each text."""
        size = len(self.texts)
        positive, negative = (np.bincount(code[truth == t], minlength=size + 1) for t in (1, 0))
        return positive[:size], negative[:size]

    def buckets(self, places: NDArray[np.int64]) -> Any:  # noqa: ANN401 - a SciPy sparse matrix
        rows = self.held[places]
        if len(rows) and rows.min() >= 0:
            return self.hashed[rows]
        return hashed(self.texts.take(pa.array(places)).to_pylist())


def _fit(
    differing: _Differing, sample: TextSample, code: NDArray[np.int64], truth: NDArray[np.int8]
) -> TextModel:
    """Fit a model to the rows of *code* and *truth* whose texts are in *sample*."""
    positive, negative = differing.counted(code, truth)
    kept = positive * sample.positive, negative * sample.negative
    counts = TextCounts(
        positives=int((positive > 0).sum()), negatives=int((negative > 0).sum()),
        learnt_positives=int((kept[0] > 0).sum()), learnt_negatives=int((kept[1] > 0).sum()),
    )  # fmt: skip
    if counts.learnt_positives < LEAST_POSITIVES or not counts.learnt_negatives:
        return TextModel(0.0, {}, counts)
    # The logarithm keeps one command that runs every minute from outweighing all others.
    weights = [np.log1p(of_class) for of_class in kept]
    chosen = _ordered(differing.texts, *kept)
    attacks, others = (chosen[of_class[chosen] > 0] for of_class in kept)
    intercept, slopes = _fitted(
        differing.buckets(np.concatenate([attacks, others])),
        np.repeat([1, 0], [len(attacks), len(others)]),
        np.concatenate([weights[0][attacks], weights[1][others]]),
    )
    # Correct the intercept: the more thinly sampled class would seem rarer than it is.
    whole = [np.log1p(of_class).sum() for of_class in (positive, negative)]
    of_positives, of_negatives = (
        w.sum() / all_of for w, all_of in zip(weights, whole, strict=True)
    )
    intercept += float(np.log(of_negatives / of_positives))
    return TextModel(round(intercept, _DIGITS), slopes, counts)


def _ordered(
    texts: pa.Array, positive: NDArray[np.int64], negative: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Indices of the counted texts, most positives first, independent of the order of rows."""
    seen = np.flatnonzero(positive + negative)
    order = pc.sort_indices(
        pa.table(
            {
                "positive": -positive[seen],
                "negative": -negative[seen],
                "text": texts.take(pa.array(seen)),
            }
        ),
        sort_keys=[("positive", "ascending"), ("negative", "ascending"), ("text", "ascending")],
    )
    return np.asarray(seen[order.to_numpy()], dtype=np.int64)


def _fitted(
    matrix: Any,  # noqa: ANN401 - SciPy's types are not known
    truth: NDArray[np.int64],
    importance: Floats,
) -> tuple[float, Mapping[int, float]]:
    """Intercept and bucket weights, fitted to hashed texts, their truth and their importance."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    model = LogisticRegression(C=_STRENGTH, solver="lbfgs", tol=_TOLERANCE, max_iter=_STEPS)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Without convergence it ranks nearly as well, and is judged like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, truth, sample_weight=importance)
    slopes = model.coef_[0]
    return float(model.intercept_[0]), {
        int(i): round(float(slopes[i]), _DIGITS) for i in np.flatnonzero(np.round(slopes, 5))
    }
