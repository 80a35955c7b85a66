"""Text as one number: how much the parts of a command line, URL or payload look like attacks.

A text becomes the set of its runs of two to four characters, hashed into buckets and of length one
(scikit-learn's `HashingVectorizer`, MurmurHash3). A logistic regression over the buckets, learnt on
training rows, gives the log-odds. So a text is one column, whatever candidate takes it, its reason
is one reason, and the model that travels is a table of weights.

Rows that the table was learnt from would look too good to the candidate that learns next. So those
get the number of a table that never saw their part of the history: `out_of_fold`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats

BUCKETS = 2**14
RUNS = (2, 4)  # characters
LEAST_POSITIVES = 5  # texts that differ; fewer teach no letters
MAX_TEXTS = 50_000  # that differ, learnt from at a time: bounds memory to some hundred megabytes
FOLDS = 5
_STRENGTH = 10.0  # inverse of the penalty; length-one rows need weights well above one
_DIGITS = 5  # of a weight; less than a float32 holds, and enough


@dataclass(frozen=True, slots=True)
class TextModel:
    """Log-odds of a text: the intercept, and the weights of the buckets that its runs fall into."""

    intercept: float
    weights: Mapping[int, float]

    def margins(self, texts: pa.Array) -> Floats:
        """Log-odds of each text; NaN where there is none."""
        differing = _Differing.of(texts)
        return self._margins(differing)[differing.code]

    def _margins(self, differing: "_Differing") -> Floats:
        """Of each text that differs; the last is that of no text."""
        count = len(differing.texts)
        table = np.zeros(BUCKETS)
        table[list(self.weights)] = list(self.weights.values())
        found = np.full(count + 1, np.nan)
        for start in range(0, count, MAX_TEXTS):
            part = np.arange(start, min(start + MAX_TEXTS, count))
            found[part] = differing.buckets(part) @ table + self.intercept
        return found


def fit_text(texts: pa.Array, truth: NDArray[np.int8]) -> TextModel:
    """Learn from *texts* whose truth (0 or 1) is *truth*; each different text counts as it comes.

    Where few positive texts differ, the model says the same of every text.
    """
    differing = _Differing.of(texts)
    return _fit(differing, differing.code, truth)


def out_of_fold(texts: pa.Array, truth: NDArray[np.int8]) -> Floats:
    """For each row the log-odds by a model of the other parts; rows are in order of time."""
    fold = np.arange(len(texts)) * FOLDS // max(len(texts), 1)
    found = np.full(len(texts), np.nan)
    differing = _Differing.of(texts)
    for part in np.unique(fold):
        mine = fold == part
        others = _fit(differing, differing.code[~mine], truth[~mine])
        found[mine] = others._margins(differing)[differing.code[mine]]
    return found


@dataclass(frozen=True, slots=True)
class _Differing:
    """Texts that differ, and which of them each row holds; without a text it is one past the last.

    To hash a text costs far more than to learn from it, so each is hashed once where they are few.
    """

    texts: pa.Array
    code: NDArray[np.int64]
    hashed: Any  # a SciPy sparse matrix, one row for each text; None where they are too many

    @classmethod
    def of(cls, texts: pa.Array) -> "_Differing":
        coded = texts.dictionary_encode()
        distinct = coded.dictionary
        code = pc.fill_null(coded.indices, len(distinct)).to_numpy()
        few = 0 < len(distinct) <= MAX_TEXTS
        return cls(distinct, code, _buckets(distinct.to_pylist()) if few else None)

    def buckets(self, places: NDArray[np.int64]) -> Any:  # noqa: ANN401 - a SciPy sparse matrix
        if self.hashed is not None:
            return self.hashed[places]
        return _buckets(self.texts.take(pa.array(places)).to_pylist())


def _fit(differing: _Differing, code: NDArray[np.int64], truth: NDArray[np.int8]) -> TextModel:
    size = len(differing.texts)
    positive = np.bincount(code[truth == 1], minlength=size + 1)[:size]
    negative = np.bincount(code[truth == 0], minlength=size + 1)[:size]
    if (positive > 0).sum() < LEAST_POSITIVES or not negative.any():
        return TextModel(0.0, {})
    chosen = _chosen(differing.texts, positive, negative)
    return _fitted(differing.buckets(chosen), positive[chosen], negative[chosen])


def _chosen(
    texts: pa.Array, positive: NDArray[np.int64], negative: NDArray[np.int64]
) -> NDArray[np.int64]:
    """At most `MAX_TEXTS` texts in an order that rows cannot change: positives, then by count."""
    seen = np.flatnonzero(positive + negative)
    positive, negative = positive[seen], negative[seen]
    order = pc.sort_indices(
        pa.table(
            {"positive": -positive, "negative": -negative, "text": texts.take(pa.array(seen))}
        ),
        sort_keys=[("positive", "ascending"), ("negative", "ascending"), ("text", "ascending")],
    )
    return np.asarray(seen[order.to_numpy()[:MAX_TEXTS]], dtype=np.int64)


def _fitted(matrix: Any, positive: NDArray[np.int64], negative: NDArray[np.int64]) -> TextModel:  # noqa: ANN401 - SciPy's types are not known
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    of_attacks, of_others = np.flatnonzero(positive), np.flatnonzero(negative)
    truth = np.repeat([1, 0], [len(of_attacks), len(of_others)])
    counts = np.concatenate([positive[of_attacks], negative[of_others]])
    model = LogisticRegression(C=_STRENGTH, solver="lbfgs", max_iter=200)
    with threadpool_limits(limits=1):
        # The logarithm keeps one command that runs every minute from drowning all others.
        rows = matrix[np.concatenate([of_attacks, of_others])]
        model.fit(rows, truth, sample_weight=np.log1p(counts))
    weights = model.coef_[0]
    return TextModel(
        round(float(model.intercept_[0]), _DIGITS),
        {int(i): round(float(weights[i]), _DIGITS) for i in np.flatnonzero(np.round(weights, 5))},
    )


def _buckets(texts: list[str]) -> Any:  # noqa: ANN401 - a SciPy sparse matrix
    return _vectorizer().transform(texts)


@cache
def _vectorizer() -> Any:  # noqa: ANN401 - scikit-learn has no types
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char", ngram_range=RUNS, n_features=BUCKETS, lowercase=True,
        alternate_sign=False, binary=True, norm="l2",
    )  # fmt: skip
