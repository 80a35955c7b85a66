"""Random forest and histogram boosting by scikit-learn, stored as XGBoost models.

The number of threads does not change a single bit of the models: a forest's trees are seeded one by
one, and boosting, whose sums depend on how threads share the rows, runs on one thread.

Classes are not weighted. On two simulated months of alert triage (1.7 % positives), balanced
weights changed average precision by -0.02 and -0.05 for the forest and by -0.01 both times for
boosting. On a month of endpoint events the forest's rose by 0.02, but it lost 8 of 25 true alerts.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

from scoreback.models.learners.model import Floats, Lesson, Range, score_of
from scoreback.models.learners.translation import Tree, boosted
from scoreback.models.learners.trees import (
    LEAST_ROUNDS,
    MAX_ROUNDS,
    PATIENCE,
    TreeModel,
    tells_when_to_stop,
)

FOREST_TREES = 200
_FOREST_DEPTH = 14
_FOREST_LEAF = 3
_FOREST_ROWS = 50_000  # sampled for each tree
_LEARNING_RATE = 0.1
_LEAVES = 31
_LEAST_LEAF = 20
FOREST_SPACE = {
    "max_depth": Range(6, 20, whole=True),
    "min_samples_leaf": Range(1, 20, log=True, whole=True),
    "max_features": Range(0.1, 0.8),
}
BOOSTING_SPACE = {
    "learning_rate": Range(0.03, 0.3, log=True),
    "max_leaf_nodes": Range(7, 63, log=True, whole=True),
    "min_samples_leaf": Range(5, 100, log=True, whole=True),
    "l2_regularization": Range(0.01, 30, log=True),
}
_LEAST_SLOPE = 1.0  # of Platt's line, if votes do not rise with the truth


def fit_random_forest(lesson: Lesson) -> TreeModel:
    """Grow a forest; Platt's line, fitted on out-of-bag votes, turns its mean vote into log-odds.

    The line rises, so it does not change the forest's ranking. The leaves include it.
    """
    rows, given = len(lesson.truth), lesson.parameters
    forest = RandomForestClassifier(
        FOREST_TREES, max_depth=given.get("max_depth", _FOREST_DEPTH),
        min_samples_leaf=given.get("min_samples_leaf", _FOREST_LEAF),
        max_features=given.get("max_features", "sqrt"),
        max_samples=min(1.0, _FOREST_ROWS / rows), oob_score=_no_score, bootstrap=True,
        random_state=lesson.seed, n_jobs=lesson.threads,
    )  # fmt: skip
    # scikit-learn sums columns to check for missing values; huge numbers overflow there.
    quiet = np.errstate(over="ignore", invalid="ignore")
    with threadpool_limits(limits=1, user_api="blas"), quiet:
        forest.fit(lesson.matrix, lesson.truth, lesson.weights)
    slope, intercept = _platt(forest.oob_decision_function_[:, 1], lesson)
    trees = [_of_forest(one.tree_, slope / FOREST_TREES) for one in forest.estimators_]
    stored = boosted(trees, lesson.matrix.shape[1], intercept)
    return TreeModel.from_bytes(stored, lesson.threads, "random_forest")


def fit_hist_gradient_boosting(lesson: Lesson) -> TreeModel:
    """Boost over histograms, for the number of rounds that fits the later days best."""
    find = lesson.rounds is None and tells_when_to_stop(lesson.later_truth)
    given = lesson.parameters
    model = HistGradientBoostingClassifier(
        max_iter=MAX_ROUNDS if find else lesson.rounds or LEAST_ROUNDS,
        learning_rate=given.get("learning_rate", _LEARNING_RATE),
        max_leaf_nodes=given.get("max_leaf_nodes", _LEAVES),
        min_samples_leaf=given.get("min_samples_leaf", _LEAST_LEAF),
        l2_regularization=given.get("l2_regularization", 0.0),
        early_stopping=False, random_state=lesson.seed,
    )  # fmt: skip
    # scikit-learn cannot bin a column without values; a constant column is never split.
    empty = np.isnan(lesson.matrix).all(axis=0)
    with threadpool_limits(limits=1), np.errstate(over="ignore", invalid="ignore"):
        model.fit(np.where(empty, np.float32(0), lesson.matrix), lesson.truth, lesson.weights)
        rounds = _best_rounds(model, lesson) if find else len(model._predictors)
    trees = [_of_boosting(of_class[0].nodes) for of_class in model._predictors[:rounds]]
    intercept = float(np.ravel(model._baseline_prediction)[0])
    stored = boosted(trees, lesson.matrix.shape[1], intercept)
    return TreeModel.from_bytes(stored, lesson.threads, "hist_gradient_boosting")


def _no_score(_truth: object, _votes: object) -> float:
    """A dummy score: only the out-of-bag votes are needed, and scikit-learn wants a score too."""
    return 0.0


def _platt(votes: Floats, lesson: Lesson) -> tuple[float, float]:
    """Slope and intercept of log-odds over votes (Platt 1999)."""
    known, truth, weights = np.isfinite(votes), lesson.truth, lesson.weights
    if len(np.unique(truth[known])) < 2:
        return _LEAST_SLOPE, 0.0
    line = LogisticRegression(C=1e4, max_iter=1000)
    with threadpool_limits(limits=1):
        line.fit(votes[known, None], truth[known], None if weights is None else weights[known])
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    return (slope, intercept) if slope > 0 else (_LEAST_SLOPE, intercept)


def _of_forest(tree: Any, scale: float) -> Tree:  # noqa: ANN401 - a scikit-learn Tree has no type
    leaf = tree.children_left < 0
    votes = tree.value[:, 0, :]
    share = votes[:, -1] / votes.sum(axis=1) if votes.shape[1] > 1 else np.zeros(len(votes))
    missing = np.asarray(tree.missing_go_to_left, dtype=bool)
    return Tree(
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        feature=np.where(leaf, 0, tree.feature).astype(np.int64),
        threshold=tree.threshold,
        missing_left=missing,
        value=np.where(leaf, share * scale, 0.0),
        cover=tree.weighted_n_node_samples,
    )


def _of_boosting(nodes: Any) -> Tree:  # noqa: ANN401 - a NumPy record array
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=np.where(leaf, nodes["value"], 0.0),
        cover=nodes["count"].astype(np.float64),
    )


def _best_rounds(model: HistGradientBoostingClassifier, lesson: Lesson) -> int:
    """The number of rounds that fits the later days best, at least `LEAST_ROUNDS`.

    As in XGBoost's early stopping, `PATIENCE` rounds without a better fit end the search.
    """
    if lesson.later_matrix is None or lesson.later_truth is None:
        return MAX_ROUNDS
    best, found = np.inf, 0
    for done, margins in enumerate(model.staged_decision_function(lesson.later_matrix), start=1):
        loss = log_loss(
            lesson.later_truth, score_of(np.ravel(margins)), labels=[0, 1],
            sample_weight=lesson.later_weights,
        )  # fmt: skip
        if loss < best:
            best, found = loss, done
        elif done - found >= PATIENCE and done >= LEAST_ROUNDS:
            break
    return max(found, LEAST_ROUNDS)
