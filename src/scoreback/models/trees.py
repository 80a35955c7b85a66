"""Gradient boosted trees by XGBoost."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import xgboost as xgb

from scoreback.models.algorithms import Floats, Lesson, Matrix

MAX_ROUNDS = 300
PATIENCE = 20  # rounds without a better fit of the later days
ROUNDS_WITHOUT_LATER_POSITIVES = 100
_MIN_LATER_POSITIVES = 5  # fewer, and when to stop would be decided by chance
_DEPTH = 5
_LEARNING_RATE = 0.1


@dataclass(frozen=True, slots=True)
class TreeModel:
    """Boosted trees, and the UBJSON bytes that they are."""

    booster: xgb.Booster
    stored: bytes
    algorithm: str = "xgboost"

    @classmethod
    def from_bytes(cls, stored: bytes, threads: int) -> Self:
        """Read UBJSON.

        Raises:
            ValueError: it is no XGBoost model for two classes.
        """
        try:
            booster = xgb.Booster({"nthread": threads})
            booster.load_model(bytearray(stored))
            objective = booster.save_config()
        except xgb.core.XGBoostError as error:
            raise ValueError("XGBoost cannot read it") from error
        if '"name":"binary:logistic"' not in objective.replace(" ", ""):
            raise ValueError("its objective is not binary:logistic")
        booster.set_param({"nthread": threads})
        return cls(booster, stored)

    @property
    def width(self) -> int:
        """The number of features it was trained on."""
        return int(self.booster.num_features())

    def margin(self, matrix: Matrix) -> Floats:
        """Log-odds of each row."""
        found = self.booster.inplace_predict(matrix, predict_type="margin")
        return np.asarray(found, dtype=np.float64)

    def contributions(self, matrix: Matrix) -> Floats:
        """Exact Shapley values of each row, then the base."""
        found = self.booster.predict(xgb.DMatrix(matrix), pred_contribs=True)
        return np.asarray(found, dtype=np.float64)

    def to_bytes(self) -> bytes:
        """UBJSON."""
        return self.stored


def fit_xgboost(lesson: Lesson) -> TreeModel:
    """Boost until the later days are no longer fitted better.

    No row is sampled and no class is weighted: both cost average precision at 1 % positives when
    measured, and weights would only shift scores whose threshold is fitted anyway.
    """
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_depth": _DEPTH,
        "learning_rate": _LEARNING_RATE,
        "seed": lesson.seed,
        "nthread": lesson.threads,
    }
    rows = xgb.QuantileDMatrix(lesson.matrix, lesson.truth, nthread=lesson.threads)
    positives = int(lesson.later_truth.sum())
    if _MIN_LATER_POSITIVES <= positives < len(lesson.later_truth):
        later = xgb.QuantileDMatrix(
            lesson.later_matrix, lesson.later_truth, ref=rows, nthread=lesson.threads
        )
        booster = xgb.train(
            parameters, rows, MAX_ROUNDS, evals=[(later, "later")],
            early_stopping_rounds=PATIENCE, verbose_eval=False,
        )  # fmt: skip
        booster = booster[: booster.best_iteration + 1]
    else:
        booster = xgb.train(parameters, rows, ROUNDS_WITHOUT_LATER_POSITIVES, verbose_eval=False)
    return TreeModel.from_bytes(bytes(booster.save_raw("ubj")), lesson.threads)
