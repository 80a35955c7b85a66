"""A translated model says what the library's own says, on every float32 there is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from scoreback.models.learners import forests
from scoreback.models.learners.forests import fit_hist_gradient_boosting, fit_random_forest
from scoreback.models.learners.model import Lesson, Matrix
from scoreback.models.learners.translation import boosted, float32_below
from scoreback.models.learners.trees import LEAST_ROUNDS, TreeModel
from scoreback.models.learners.ubjson import decode

LARGEST = float(np.finfo(np.float32).max)

cell = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.1, LARGEST, -LARGEST, 1e-45, float("nan")]),
    st.floats(width=32, allow_infinity=False),
)
learnt = st.integers(12, 60).flatmap(
    lambda rows: st.tuples(
        arrays.arrays(np.float32, (rows, 3), elements=cell),
        arrays.arrays(np.int8, rows, elements=st.integers(0, 1)),
    )
)


def around(matrix: Matrix, trees: list[Any]) -> Matrix:
    """*matrix*, and rows that lie on the thresholds of *trees* and on their float32 neighbours."""
    thresholds = np.concatenate([tree.threshold[tree.left >= 0] for tree in trees] or [np.zeros(0)])
    with np.errstate(over="ignore"):
        on = thresholds[np.isfinite(thresholds)].astype(np.float32)
        near = [on, np.nextafter(on, np.float32(-np.inf)), np.nextafter(on, np.float32(np.inf))]
    values = np.concatenate(near)
    values = values[np.isfinite(values)][:90]
    return np.vstack([matrix, np.repeat(values[:, None], 3, axis=1)]).astype(np.float32)


def siblings_lie_side_by_side(model: TreeModel) -> bool:
    """What XGBoost takes for granted: it finds the right child beside the left one."""
    document: Any = decode(model.to_bytes())
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
        if not np.array_equal(right[left >= 0], left[left >= 0] + 1):
            return False
    return True


@settings(max_examples=40)
@given(data=learnt, seed=st.integers(0, 99), depth=st.integers(1, 6))
def test_a_forest_votes_the_same(data: tuple[Matrix, Any], seed: int, depth: int) -> None:
    matrix, truth = data
    truth[:2] = (0, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # the library adds up columns
        forest = RandomForestClassifier(4, max_depth=depth, random_state=seed).fit(matrix, truth)
    trees = [forests._of_forest(one.tree_, 3.0 / 4) for one in forest.estimators_]
    model = TreeModel.from_bytes(boosted(trees, 3, -2.0), 1, "random_forest")
    assert siblings_lie_side_by_side(model)
    asked = around(matrix, trees)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = 3.0 * forest.predict_proba(asked)[:, 1] - 2.0
    np.testing.assert_allclose(model.margin(asked), expected, atol=2e-6)
    shares = model.contributions(asked)
    np.testing.assert_allclose(shares.sum(axis=1), expected, atol=1e-5)


@settings(max_examples=40)
@given(data=learnt, rounds=st.integers(1, 8), leaf=st.integers(1, 5))
def test_boosting_by_histograms_scores_the_same(
    data: tuple[Matrix, Any], rounds: int, leaf: int
) -> None:
    matrix, truth = data
    truth[:2] = (0, 1)
    matrix[0] = 0.0  # a column without any value is not binned
    library = HistGradientBoostingClassifier(
        max_iter=rounds, min_samples_leaf=leaf, early_stopping=False
    )
    with np.errstate(over="ignore", invalid="ignore"):  # the library adds up columns
        library.fit(matrix, truth)
    trees = [forests._of_boosting(of_class[0].nodes) for of_class in library._predictors]
    intercept = float(np.ravel(library._baseline_prediction)[0])
    model = TreeModel.from_bytes(boosted(trees, 3, intercept), 1, "hist_gradient_boosting")
    assert siblings_lie_side_by_side(model)
    asked = around(matrix, trees)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = library.decision_function(asked)
    np.testing.assert_allclose(model.margin(asked), expected, atol=1e-5, rtol=1e-5)
    shares = model.contributions(asked)
    np.testing.assert_allclose(shares.sum(axis=1), model.margin(asked), atol=1e-4, rtol=1e-5)


@given(st.floats(), st.floats(width=32, allow_nan=False))
def test_less_than_the_float32_threshold_is_at_most_the_float64_one(
    threshold: float, value: float
) -> None:
    if np.isnan(threshold):
        return
    found = float32_below(np.array([threshold]))[0]
    if np.float32(value) == np.inf:
        return  # no feature is infinite
    assert (np.float32(value) < found) == (float(np.float32(value)) <= threshold)


@pytest.mark.parametrize("fit", [fit_random_forest, fit_hist_gradient_boosting])
def test_siblings_lie_side_by_side(fit: Callable[[Lesson], TreeModel]) -> None:
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(400, 3)).astype(np.float32)
    truth = (matrix[:, 0] * matrix[:, 1] > 0.3).astype(np.int8)
    model = fit(
        Lesson(
            matrix=matrix, truth=truth, later_matrix=None, later_truth=None, rounds=5, seed=1,
            threads=1,
        )
    )  # fmt: skip
    assert model.rounds >= 5
    assert siblings_lie_side_by_side(model)


def test_boosting_by_histograms_stops_where_later_days_are_fitted_best() -> None:
    draw = np.random.default_rng(2)
    matrix = draw.normal(size=(900, 3)).astype(np.float32)
    truth = (matrix[:, 0] + draw.normal(size=900) > 1.5).astype(np.int8)
    lesson = Lesson(
        matrix=matrix[:600], truth=truth[:600], later_matrix=matrix[600:],
        later_truth=truth[600:], seed=1, threads=1,
    )  # fmt: skip
    assert fit_hist_gradient_boosting(lesson).rounds == LEAST_ROUNDS
