"""Logistic regression, and the simplest rival: one feature alone."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

from scoreback.models.learners.model import (
    TERMS,
    Attribution,
    Floats,
    Lesson,
    Matrix,
    Range,
    adding_up,
)
from scoreback.models.learners.ranking import average_precision

MAX_ITERATIONS = 500
SPACE = {"strength": Range(0.003, 30, log=True)}  # inverse of the penalty
FARTHEST = 10.0  # standard deviations; one huge value must not outweigh all other features


@dataclass(frozen=True, slots=True)
class _Term:
    """One feature's term: a slope around its mean, and a step if it is missing."""

    mean: float
    scale: float
    slope: float
    missing: float  # coefficient of "is missing"
    missing_rate: float


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Log-odds as a sum of one term per feature."""

    intercept: float
    terms: tuple[_Term, ...]
    algorithm: str = "logistic_regression"

    @classmethod
    def from_bytes(cls, stored: bytes, threads: int) -> Self:  # noqa: ARG003 - one is enough
        """Read JSON.

        Raises:
            ValueError: it does not hold finite coefficients.
        """
        try:
            intercept, terms = _STORED.validate_json(stored)
        except ValidationError as error:
            raise ValueError("it does not hold the coefficients of a linear model") from error
        numbers = [intercept, *(v for t in terms for v in asdict(t).values())]
        if not np.isfinite(numbers).all() or any(t.scale <= 0 for t in terms):
            raise ValueError("its coefficients are not finite")
        return cls(intercept, terms)

    @property
    def width(self) -> int:
        """The number of features it was trained on."""
        return len(self.terms)

    @property
    def rounds(self) -> None:
        """None: fitting continues until it converges."""
        return

    def margin(self, matrix: Matrix) -> Floats:
        """Log-odds of each row.

        Summed feature by feature: a matrix product would depend on how rows are batched.
        """
        total = np.full(len(matrix), self.intercept)
        for i, term in enumerate(self.terms):
            total += _share(term, matrix[:, i])
        return total.astype(np.float32).astype(np.float64)

    @property
    def attribution(self) -> Attribution:
        """Always linear terms."""
        return TERMS

    def contributions(self, matrix: Matrix) -> Floats:
        """Each feature's term relative to its mean, then the intercept."""
        shares = np.empty((len(matrix), len(self.terms) + 1))
        for i, term in enumerate(self.terms):
            shares[:, i] = _share(term, matrix[:, i])
        shares[:, -1] = self.intercept
        return adding_up(shares, self.margin(matrix))

    def to_bytes(self) -> bytes:
        """JSON."""
        stored = [self.intercept, [asdict(term) for term in self.terms]]
        return json.dumps(stored, sort_keys=True, allow_nan=False).encode()


_STORED = TypeAdapter(tuple[float, tuple[_Term, ...]])


def _share(term: _Term, column: NDArray[np.float32]) -> Floats:
    missing = np.isnan(column)
    away = (column.astype(np.float64) - term.mean) / term.scale
    away = np.clip(np.where(missing, 0.0, away), -FARTHEST, FARTHEST)
    share: Floats = term.slope * away + term.missing * (missing - term.missing_rate)
    return share


def fit_logistic_regression(lesson: Lesson) -> LinearModel:
    """Fit by L-BFGS on standardised features, missing values at the mean with an indicator.

    BLAS runs on one thread: with two, the last digits differ from run to run. Classes are not
    weighted: balanced weights changed average precision by -0.07 and +0.01 on two simulated months.
    """
    wide = lesson.matrix.astype(np.float64)
    missing = np.isnan(wide)
    rate = missing.mean(axis=0)
    known = np.maximum((~missing).sum(axis=0), 1)
    mean = np.where(missing, 0.0, wide).sum(axis=0) / known
    away = np.where(missing, 0.0, wide - mean)
    scale = np.sqrt((away**2).sum(axis=0) / known)
    scale[scale == 0] = 1.0
    standard = np.clip(away / scale, -FARTHEST, FARTHEST)
    stepped = np.flatnonzero((rate > 0) & (rate < 1))
    design = np.hstack([standard, missing[:, stepped] - rate[stepped]])
    strength = lesson.parameters.get("strength", 1.0)
    model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, random_state=lesson.seed)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Without convergence it is still a valid rival, judged like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, lesson.truth, lesson.weights)
    slopes, steps = np.split(model.coef_[0], [wide.shape[1]])
    missing_steps = np.zeros(wide.shape[1])
    missing_steps[stepped] = steps
    columns = zip(mean, scale, slopes, missing_steps, rate, strict=True)
    return LinearModel(
        float(model.intercept_[0]), tuple(_Term(*map(float, column)) for column in columns)
    )


@dataclass(frozen=True, slots=True)
class SingleFeature:
    """One column of the matrix, in one direction; missing ranks last."""

    index: int
    sign: int  # 0 if there is no column to choose from: all rows rank the same
    algorithm: str = "best_single_feature"

    def margin(self, matrix: Matrix) -> Floats:
        """A rank, not log-odds: higher is more suspicious."""
        if not self.sign:
            return np.zeros(len(matrix))
        column = self.sign * matrix[:, self.index].astype(np.float64)
        return np.where(np.isnan(column), -np.inf, column)


def fit_single_feature(
    matrix: Matrix, truth: NDArray[np.int8], columns: Sequence[int]
) -> SingleFeature:
    """The column and direction with the best average precision on training rows."""
    best, found = -1.0, SingleFeature(0, 0)
    for index in columns:
        for sign in (1, -1):
            candidate = SingleFeature(index, sign)
            precision = average_precision(truth, candidate.margin(matrix))
            if precision > best:
                best, found = precision, candidate
    return found
