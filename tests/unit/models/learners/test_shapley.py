"""Contributions of trees: Shapley values from tables, and path contributions of deeper trees."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scoreback.models.learners import shapley
from scoreback.models.learners.model import Floats, Matrix
from scoreback.models.learners.shapley import ShapleyTables
from scoreback.models.learners.translation import Tree, boosted, float32_below
from scoreback.models.learners.trees import TreeModel

WIDTH = 4
CUTS = st.sampled_from([-1.0, 0.0, 0.5, 2.0])


@st.composite
def trees(draw: st.DrawFn, depth: int = 5) -> Tree:
    """Any tree over `WIDTH` features: they come again on a path, and conditions contradict."""
    nodes: list[tuple[int, int, int, float, bool, float, float]] = []

    def grow(level: int, cover: float) -> int:
        place = len(nodes)
        nodes.append((-1, -1, 0, 0.0, False, draw(st.floats(-4, 4, width=32)), cover))
        if level and draw(st.booleans()):
            share = draw(st.sampled_from([0.1, 0.5, 0.75]))
            left, right = grow(level - 1, cover * share), grow(level - 1, cover * (1 - share))
            feature, cut = draw(st.integers(0, WIDTH - 1)), draw(CUTS)
            nodes[place] = (left, right, feature, cut, draw(st.booleans()), 0.0, cover)
        return place

    grow(depth, 100.0)
    left, right, feature, cut, missing, value, cover = zip(*nodes, strict=True)
    return Tree(
        left=np.array(left), right=np.array(right), feature=np.array(feature),
        threshold=np.array(cut), missing_left=np.array(missing), value=np.array(value),
        cover=np.array(cover),
    )  # fmt: skip


forests = st.lists(trees(), min_size=1, max_size=4)
cells = st.one_of(
    st.sampled_from([-1.0, 0.0, 0.5, 2.0, float("nan"), 1e30]), st.floats(-3, 3, width=32)
)
matrices = st.integers(1, 12).flatmap(
    lambda rows: arrays.arrays(np.float32, (rows, WIDTH), elements=cells)
)


def made(grown: list[Tree], intercept: float = 0.5) -> tuple[TreeModel, ShapleyTables]:
    model = TreeModel.from_bytes(boosted(grown, WIDTH, intercept), 1, "random_forest")
    tables = ShapleyTables.of(model.nodes, WIDTH)
    assert tables is not None
    return model, tables


@given(forests, matrices)
@settings(max_examples=150)
def test_they_are_those_of_xgboost(grown: list[Tree], matrix: Matrix) -> None:
    model, tables = made(grown)
    expected = model.booster.predict(xgb.DMatrix(matrix, nthread=1), pred_contribs=True)
    np.testing.assert_allclose(tables.contributions(matrix), expected[:, :-1], atol=2e-5)
    np.testing.assert_allclose(model.contributions(matrix), expected, atol=2e-5)


@given(trees(depth=4), arrays.arrays(np.float32, (1, WIDTH), elements=cells))
@settings(max_examples=60)
def test_they_are_what_the_definition_says(grown: Tree, row: Matrix) -> None:
    _, tables = made([grown], intercept=0.0)
    np.testing.assert_allclose(tables.contributions(row)[0], defined(grown, row[0]), atol=1e-6)


@given(forests, matrices)
@settings(max_examples=60)
def test_they_and_the_base_add_up_to_the_margin(grown: list[Tree], matrix: Matrix) -> None:
    model, _ = made(grown, intercept=-3.0)
    total = model.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(total, model.margin(matrix), atol=1e-6, rtol=0)


@given(forests, st.integers(1, 300))
@settings(max_examples=40)
def test_a_row_has_the_same_alone_and_in_any_batch(grown: list[Tree], rows: int) -> None:
    _, tables = made(grown * 5)
    matrix = np.random.default_rng(rows).normal(size=(rows, WIDTH)).astype(np.float32)
    whole = tables.contributions(matrix)
    for i in {0, rows // 2, rows - 1}:
        np.testing.assert_array_equal(tables.contributions(matrix[i : i + 1])[0], whole[i])


def test_trees_of_one_leaf_say_nothing_of_any_feature() -> None:
    one = np.array([-1])
    alone = Tree(
        left=one, right=one, feature=np.array([0]), threshold=np.zeros(1), value=np.array([0.7]),
        missing_left=np.zeros(1, dtype=bool), cover=np.ones(1),
    )  # fmt: skip
    model, tables = made([alone])
    assert not tables.contributions(np.zeros((3, WIDTH), dtype=np.float32)).any()
    assert model.contributions(np.zeros((3, WIDTH), dtype=np.float32)).sum() == pytest.approx(3.6)


def test_trees_that_need_too_much_room_have_path_contributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(400, WIDTH)).astype(np.float32)
    rows = xgb.DMatrix(matrix, (matrix[:, 0] * matrix[:, 1] > 0).astype(np.int8), nthread=1)
    trained = xgb.train({"objective": "binary:logistic", "nthread": 1}, rows, 5)
    stored = bytes(trained.save_raw("ubj"))
    with_tables = TreeModel.from_bytes(stored, 1)
    assert with_tables.attribution == "Shapley values"
    monkeypatch.setattr(shapley, "MOST_CELLS", 10)
    assert ShapleyTables.of(with_tables.nodes, WIDTH) is None
    without = TreeModel.from_bytes(stored, 1)
    assert without.attribution == "path contributions"
    shares, others = without.contributions(matrix), with_tables.contributions(matrix)
    assert not np.allclose(shares[:, :-1], others[:, :-1], atol=0.01)
    np.testing.assert_allclose(shares[:, -1], others[:, -1], atol=1e-5)  # the base is the same


@given(forests, matrices)
@settings(max_examples=150)
def test_path_contributions_are_what_the_definition_says(grown: list[Tree], matrix: Matrix) -> None:
    model = by_path(grown)
    expected = np.array([sum(walked(tree, row) for tree in grown) for row in matrix])
    np.testing.assert_allclose(model.contributions(matrix)[:, :-1], expected, atol=2e-5)


@given(forests, matrices)
@settings(max_examples=150)
def test_path_contributions_add_up_to_the_margin_and_need_no_batch(
    grown: list[Tree], matrix: Matrix
) -> None:
    model = by_path(grown * 20)
    shares = model.contributions(matrix)
    np.testing.assert_allclose(shares.sum(axis=1), model.margin(matrix), atol=1e-6, rtol=0)
    np.testing.assert_allclose(shares[:, -1], shares[0, -1], atol=1e-3)  # one base, but rounding
    alone = [model.contributions(matrix[i : i + 1])[0] for i in range(len(matrix))]
    np.testing.assert_array_equal(shares, np.array(alone))


def by_path(grown: list[Tree]) -> TreeModel:
    model, _ = made(grown)
    vars(model)["_tables"] = None  # as of trees that need too much room
    return model


def walked(tree: Tree, row: Matrix) -> Floats:
    """What each question on the way of *row* changed in the mean of the leaves below."""
    found, node = np.zeros(WIDTH), 0
    while tree.left[node] >= 0:
        feature, before = int(tree.feature[node]), _expected(tree, row, set(), node)
        cut = float32_below(tree.threshold[node : node + 1])[0]
        value = row[feature]
        goes_left = tree.missing_left[node] if np.isnan(value) else value < cut
        node = int(tree.left[node] if goes_left else tree.right[node])
        found[feature] += _expected(tree, row, set(), node) - before
    return found


def defined(tree: Tree, row: Matrix) -> Floats:
    """Shapley values by the definition: all subsets of known features."""
    found = np.zeros(WIDTH)
    for feature in range(WIDTH):
        others = [f for f in range(WIDTH) if f != feature]
        for size in range(WIDTH):
            weight = factorial(size) * factorial(WIDTH - size - 1) / factorial(WIDTH)
            for known in combinations(others, size):
                gain = _expected(tree, row, {*known, feature}) - _expected(tree, row, {*known})
                found[feature] += weight * gain
    return found


def _expected(tree: Tree, row: Matrix, known: set[int], node: int = 0) -> float:
    left, right = int(tree.left[node]), int(tree.right[node])
    if left < 0:
        return float(tree.value[node])
    feature = int(tree.feature[node])
    if feature in known:
        value = row[feature]
        cut = float32_below(tree.threshold[node : node + 1])[0]
        goes_left = tree.missing_left[node] if np.isnan(value) else value < cut
        return _expected(tree, row, known, left if goes_left else right)
    shares = [tree.cover[child] / tree.cover[node] for child in (left, right)]
    both = [_expected(tree, row, known, child) for child in (left, right)]
    return float(np.dot(shares, both))
