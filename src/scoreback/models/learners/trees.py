"""Gradient boosted trees by XGBoost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from scoreback.models.learners.matrix_file import let_go, row_blocks
from scoreback.models.learners.model import (
    PATH,
    SHAPLEY,
    Attribution,
    Floats,
    Lesson,
    Matrix,
    Range,
    adding_up,
)
from scoreback.models.learners.shapley import ShapleyTables
from scoreback.models.learners.tree_check import check_boosted_trees
from scoreback.models.learners.tree_paths import Nodes
from scoreback.models.learners.ubjson import decode

MAX_ROUNDS = 300
PATIENCE = 20  # rounds without a better fit to the later days, after which boosting stops
# The later days bring attacks and noise that the earlier ones do not have, so their loss rises
# early, long before the ranking gets worse: on drifting simulated streams, stopping freely (after
# 17 to 51 rounds) lost 0.04 to 0.1 in average precision on the days after, against 150 rounds.
LEAST_ROUNDS = 150
_MIN_LATER_POSITIVES = 5  # with fewer, chance would decide when to stop
_DEPTH = 5
_LEARNING_RATE = 0.1
SPACE = {
    "max_depth": Range(3, 9, whole=True),
    "learning_rate": Range(0.03, 0.3, log=True),
    "min_child_weight": Range(1, 20, log=True),
    "colsample_bynode": Range(0.4, 1),
    "reg_lambda": Range(0.3, 30, log=True),
}
# Measured on simulated histories with 30 to 1,100 positives, 0.3 to 6 % of rows: against XGBoost's
# defaults these two gain about 0.01 in average precision, 0.035 where positives are fewest.
_LEAST_LEAF = 3.0
_COLUMNS_PER_NODE = 0.7


@dataclass(frozen=True)
class TreeModel:
    """Boosted trees, with their UBJSON bytes."""

    booster: xgb.Booster
    stored: bytes
    nodes: Nodes = field(repr=False, compare=False)  # the same trees, decoded
    algorithm: str = "xgboost"

    @classmethod
    def from_bytes(cls, stored: bytes, threads: int, algorithm: str = "xgboost") -> Self:
        """Read UBJSON.

        Raises:
            ValueError: it is not a whole XGBoost model for two classes.
        """
        document = decode(stored)
        check_boosted_trees(document)
        try:
            booster = xgb.Booster({"nthread": threads})
            booster.load_model(bytearray(stored))
        except xgb.core.XGBoostError as error:
            raise ValueError("XGBoost cannot read it") from error
        booster.set_param({"nthread": threads})
        return cls(booster, stored, Nodes.of(document), algorithm)

    @property
    def width(self) -> int:
        """The number of features it was trained on."""
        return int(self.booster.num_features())

    @property
    def rounds(self) -> int:
        """The number of trees."""
        return int(self.booster.num_boosted_rounds())

    def margin(self, matrix: Matrix) -> Floats:
        """Log-odds of each row."""
        found = self.booster.inplace_predict(matrix, predict_type="margin")
        return np.asarray(found, dtype=np.float64)

    @property
    def attribution(self) -> Attribution:
        """Shapley values if their tables fit into memory, path contributions for deeper trees."""
        return PATH if self._tables is None else SHAPLEY

    def contributions(self, matrix: Matrix) -> Floats:
        """The shares of each row by `attribution`, then the base.

        A forest's Shapley values visit every leaf of the forest for each row, which costs 300 to
        4,000 times as much as a score, depending on the XGBoost version. Path contributions visit
        only the splits on the row's way, about ten times a score's cost: a node's value is the mean
        of the leaves below it, weighted by training rows, and each split adds the change of value
        to the feature that it tests.
        """
        if self._tables is None:
            found = self._by_xgboost(matrix, approx_contribs=True)
        else:
            found = np.empty((len(matrix), self.width + 1))
            found[:, :-1] = self._tables.contributions(matrix)
            found[:, -1] = self._base
        return adding_up(found, self.margin(matrix))

    @cached_property
    def _tables(self) -> ShapleyTables | None:
        """Built for the first explanation, in a tenth of the time that XGBoost takes for each one.

        None for deep trees, such as those of a forest.
        """
        return ShapleyTables.of(self.nodes, self.width)

    @cached_property
    def _base(self) -> float:
        """The log-odds of a row about which nothing is known, including the intercept."""
        row = np.zeros((1, self.width), dtype=np.float32)
        return float(self._by_xgboost(row)[0, -1])

    def _by_xgboost(self, matrix: Matrix, *, approx_contribs: bool = False) -> Floats:
        found = self.booster.predict(
            xgb.DMatrix(matrix, nthread=1), pred_contribs=True, approx_contribs=approx_contribs
        )
        return np.asarray(found, dtype=np.float64)

    def to_bytes(self) -> bytes:
        """UBJSON."""
        return self.stored


def fit_xgboost(lesson: Lesson) -> TreeModel:
    """Boost until the fit to the later days no longer improves.

    Classes are not weighted: on the same histories the usual class weight costs 0.03 in average
    precision, its square root 0.01 to 0.03.
    """
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_depth": _DEPTH,
        "learning_rate": _LEARNING_RATE,
        "min_child_weight": _LEAST_LEAF,
        "colsample_bynode": _COLUMNS_PER_NODE,
        "seed": lesson.seed,
        "nthread": lesson.threads,
        **lesson.parameters,
    }
    rows = xgb.QuantileDMatrix(_Blocks(lesson), nthread=lesson.threads)
    if lesson.rounds is None and tells_when_to_stop(lesson.later_truth):
        later = xgb.QuantileDMatrix(
            lesson.later_matrix,
            lesson.later_truth,
            weight=lesson.later_weights,
            ref=rows,
            nthread=lesson.threads,
        )
        booster = xgb.train(
            parameters, rows, MAX_ROUNDS, evals=[(later, "later")],
            callbacks=[_LateStopping(rounds=PATIENCE)], verbose_eval=False,
        )  # fmt: skip
        booster = booster[: max(booster.best_iteration + 1, LEAST_ROUNDS)]
    else:
        rounds = lesson.rounds or LEAST_ROUNDS
        booster = xgb.train(parameters, rows, rounds, verbose_eval=False)
    return TreeModel.from_bytes(bytes(booster.save_raw("ubj")), lesson.threads)


class _Blocks(xgb.DataIter):
    """The matrix of a lesson, block by block: XGBoost keeps only its bins, one byte per cell."""

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._blocks = row_blocks(lesson.matrix)
        super().__init__()

    def next(self, input_data: Callable[..., None]) -> bool:
        """Pass the next block to XGBoost; return False if there is none."""
        part = next(self._blocks, None)
        let_go(self._lesson.matrix)
        if part is None:
            return False
        lesson = self._lesson
        input_data(
            data=np.asarray(lesson.matrix[part]),
            label=lesson.truth[part],
            weight=None if lesson.weights is None else lesson.weights[part],
        )
        return True

    def reset(self) -> None:
        """Start again at the first block."""
        self._blocks = row_blocks(self._lesson.matrix)


class _LateStopping(xgb.callback.EarlyStopping):
    """Early stopping that waits for `LEAST_ROUNDS`."""

    def after_iteration(
        self, model: xgb.Booster, epoch: int, evals_log: "xgb.callback.TrainingCallback.EvalsLog"
    ) -> bool:
        """Stop when the base class would, but not before `LEAST_ROUNDS`."""
        stop = bool(super().after_iteration(model, epoch, evals_log))
        return stop and epoch + 1 >= LEAST_ROUNDS


def tells_when_to_stop(truth: NDArray[np.int8] | None) -> bool:
    """Whether later days with this truth can decide how long to boost."""
    return truth is not None and _MIN_LATER_POSITIVES <= int(truth.sum()) < len(truth)
