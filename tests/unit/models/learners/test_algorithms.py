"""What every model promises: exact contributions, the same margin in any batch, bytes and back."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from scoreback.models.learners import forests, shapley
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.linear import fit_single_feature
from scoreback.models.learners.model import Lesson, Matrix, Model, log_odds_of, score_of
from scoreback.models.learners.ranking import average_precision
from scoreback.models.learners.tree_check import check_boosted_trees
from scoreback.models.learners.trees import LEAST_ROUNDS

NAMES = sorted(algorithms())


def lesson(*, seed: int = 0, rows: int = 600, threads: int = 1) -> Lesson:
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(rows, 4)).astype(np.float32)
    truth = (matrix[:, 0] + matrix[:, 1] + draw.normal(size=rows) > 2).astype(np.int8)
    matrix[draw.random(matrix.shape) < 0.1] = np.nan
    cut = rows * 3 // 4
    return Lesson(
        matrix=matrix[:cut], truth=truth[:cut], later_matrix=matrix[cut:],
        later_truth=truth[cut:], seed=7, threads=threads,
    )  # fmt: skip


def fit(name: str, given: Lesson) -> Model:
    return algorithms()[name].fit(given)


MODELS = {name: fit(name, replace(lesson(), rounds=30)) for name in NAMES}

cells = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=False, allow_subnormal=False),
    st.floats(-3, 3, width=32),
)
matrices = st.lists(st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=20).map(
    lambda rows: np.array(rows, dtype=np.float32)
)


@pytest.mark.parametrize("name", NAMES)
@given(matrix=matrices)
@settings(max_examples=40)
def test_contributions_and_base_add_up_to_the_margin(name: str, matrix: Matrix) -> None:
    model = MODELS[name]
    shares = model.contributions(matrix)
    assert shares.shape == (len(matrix), 5)
    np.testing.assert_allclose(shares.sum(axis=1), model.margin(matrix), atol=1e-6, rtol=0)
    alone = np.concatenate([model.contributions(matrix[i : i + 1]) for i in range(len(matrix))])
    np.testing.assert_array_equal(alone, shares)


@given(
    name=st.sampled_from(["xgboost", "hist_gradient_boosting", "random_forest"]),
    seed=st.integers(0, 1000), width=st.integers(1, 30), depth=st.integers(1, 20),
    tables=st.booleans(),
)  # fmt: skip
@settings(max_examples=15)
def test_contributions_of_any_grown_trees_add_up(
    name: str, seed: int, width: int, depth: int, tables: bool
) -> None:
    draw = np.random.default_rng(seed)
    matrix = np.round(draw.normal(size=(500, width)), 1).astype(np.float32)
    matrix[draw.random(matrix.shape) < 0.1] = np.nan
    truth = (np.nan_to_num(matrix).sum(axis=1) > draw.normal(size=500) + 1).astype(np.int8)
    given = Lesson(
        matrix=matrix, truth=truth, later_matrix=None, later_truth=None, rounds=20, seed=seed,
        threads=1, parameters={} if name == "hist_gradient_boosting" else {"max_depth": depth},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forests, "FOREST_TREES", 60)  # fewer leave rows without a vote
        if not tables:
            patched.setattr(shapley, "MOST_CELLS", 0)
        model = algorithms()[name].fit(given)
        shares = model.contributions(matrix)
    np.testing.assert_allclose(shares.sum(axis=1), model.margin(matrix), atol=1e-6, rtol=0)
    np.testing.assert_allclose(shares[:, -1], np.median(shares[:, -1]), atol=1e-4)  # but rounding


def test_what_contributions_are_is_named_as_it_is() -> None:
    assert {name: MODELS[name].attribution for name in NAMES} == {
        "xgboost": "Shapley values",
        "hist_gradient_boosting": "Shapley values",
        "random_forest": "Shapley values",  # of four features: its tables are small
        "logistic_regression": "linear terms",
    }


@pytest.mark.parametrize("name", NAMES)
@given(matrix=matrices)
@settings(max_examples=40)
def test_a_row_has_the_same_margin_alone_as_in_any_batch(name: str, matrix: Matrix) -> None:
    model = MODELS[name]
    alone = np.concatenate([model.margin(matrix[i : i + 1]) for i in range(len(matrix))])
    np.testing.assert_array_equal(alone, model.margin(matrix))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_survives_its_bytes(name: str) -> None:
    model = MODELS[name]
    again = algorithms()[name].from_bytes(model.to_bytes(), 1)
    matrix = lesson(seed=5).matrix
    np.testing.assert_array_equal(again.margin(matrix), model.margin(matrix))
    assert again.to_bytes() == model.to_bytes()
    assert again.width == 4


@pytest.mark.parametrize("name", NAMES)
def test_threads_change_no_byte(name: str) -> None:
    one, two = (fit(name, replace(lesson(threads=n), rounds=20)) for n in (1, 2))
    assert one.to_bytes() == two.to_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"[0, []", b"[NaN, []]"])
def test_what_is_no_model_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        algorithms()[name].from_bytes(content, 1)


@given(st.integers(0, 2**32), st.sampled_from(["cut", "change", "remove", "insert"]))
@settings(max_examples=80)
def test_damaged_trees_are_refused_or_score_but_never_end_the_process(seed: int, how: str) -> None:
    draw = np.random.default_rng(seed)
    content = bytearray(MODELS["xgboost"].to_bytes())
    at, length = int(draw.integers(len(content))), int(draw.integers(1, 40))
    noise = draw.bytes(length)
    if how == "cut":
        del content[at:]
    elif how == "change":
        content[at : at + 1] = noise[:1]
    elif how == "remove":
        del content[at : at + length]
    else:
        content[at:at] = noise
    try:
        model = algorithms()["xgboost"].from_bytes(bytes(content), 1)
    except ValueError:
        return
    matrix = lesson(seed=5).matrix[:, : model.width]
    model.margin(matrix)
    model.contributions(matrix)


def test_trees_of_another_kind_are_refused() -> None:
    given = lesson()
    rows = xgb.DMatrix(given.matrix, given.truth, nthread=1)
    for parameters in (
        {"objective": "reg:squarederror"},
        {"objective": "binary:logistic", "num_parallel_tree": 2},
        {"objective": "multi:softprob", "num_class": 2},
    ):
        stored = bytes(xgb.train(parameters | {"nthread": 1}, rows, 2).save_raw("ubj"))
        with pytest.raises(ValueError, match=r"trees|XGBoost|num_class|round"):
            algorithms()["xgboost"].from_bytes(stored, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [("sum_hessian", 0.0), ("sum_hessian", float("nan")), ("split_conditions", float("nan"))],
)
def test_trees_that_nothing_can_be_counted_with_are_refused(column: str, value: float) -> None:
    stored = xgb.Booster(model_file=bytearray(MODELS["xgboost"].to_bytes())).save_raw("json")
    document = json.loads(bytes(stored))
    document["learner"]["gradient_booster"]["model"]["trees"][1][column][2] = value
    with pytest.raises(ValueError, match=r"rows came through|not numbers"):
        check_boosted_trees(document)


ASTRAY = [
    ("left_children", 0, 10_000),  # beyond its own tree: the next one's nodes lie there
    ("right_children", 0, 0),  # back to the root
    ("left_children", 0, 2),  # a child of two
    ("right_children", 0, -1),  # half a split
    ("parents", 1, 2),
    ("split_indices", 0, 4),
    ("split_type", 0, 1),
    ("left_children", 0, 1.5),
    ("split_indices", 0, float("inf")),
    ("parents", 1, 10**30),
    ("split_type", 0, "0"),
]
SAID = r"hang together|does not have|by category|not whole numbers|is not an XGBoost model"


@pytest.mark.parametrize(("column", "node", "value"), ASTRAY)
def test_a_tree_whose_nodes_lead_astray_is_refused_whichever_tree_it_is(
    column: str, node: int, value: int
) -> None:
    stored = xgb.Booster(model_file=bytearray(MODELS["xgboost"].to_bytes())).save_raw("json")
    document = json.loads(bytes(stored))
    check_boosted_trees(document)
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    for tree in (trees[0], trees[-1]):
        right, tree[column][node] = tree[column][node], value
        assert right != value
        with pytest.raises(ValueError, match=SAID):
            check_boosted_trees(document)
        tree[column][node] = right


def test_a_tree_with_a_circle_beside_its_root_is_refused() -> None:
    stored = xgb.Booster(model_file=bytearray(MODELS["xgboost"].to_bytes())).save_raw("json")
    document = json.loads(bytes(stored))
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    columns = {name: values[:3] for name, values in trees[0].items() if isinstance(values, list)}
    columns |= {
        "left_children": [-1, 1, -1], "right_children": [-1, 2, -1], "parents": [2**31 - 1, 1, 1],
    }  # fmt: skip
    trees[0] = {"id": 0, **columns, "tree_param": {**trees[0]["tree_param"], "num_nodes": "3"}}
    with pytest.raises(ValueError, match="hang together"):
        check_boosted_trees(document)


def test_later_days_without_positives_do_not_stop_boosting() -> None:
    given = lesson()
    assert given.later_truth is not None
    model = fit("xgboost", replace(given, later_truth=np.zeros_like(given.later_truth)))
    assert model.rounds == LEAST_ROUNDS
    assert fit("xgboost", replace(given, rounds=9)).rounds == 9


def test_a_constant_and_an_always_missing_feature_do_no_harm() -> None:
    given = lesson()
    matrix = given.matrix.copy()
    matrix[:, 2], matrix[:, 3] = 1.0, np.nan
    for name in NAMES:
        model = fit(name, replace(given, matrix=matrix, rounds=5))
        assert np.isfinite(model.margin(given.matrix)).all()


def test_the_best_single_feature_may_be_a_low_value() -> None:
    matrix = np.array([[0, 5], [1, 4], [0, 3], [1, 2], [np.nan, 1]], dtype=np.float32)
    single = fit_single_feature(matrix, np.array([0, 0, 0, 1, 1], dtype=np.int8), [0, 1])
    assert (single.index, single.sign) == (1, -1)
    assert single.margin(np.array([[0, np.nan]], dtype=np.float32)).tolist() == [-np.inf]


def test_without_a_plain_feature_the_single_feature_ranks_all_alike() -> None:
    matrix = np.array([[0.0], [1.0], [np.nan]], dtype=np.float32)
    single = fit_single_feature(matrix, np.array([0, 1, 0], dtype=np.int8), [])
    assert single.margin(matrix).tolist() == [0.0, 0.0, 0.0]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40).filter(
        lambda pairs: any(t for t, _ in pairs)
    )
)
def test_average_precision_is_that_of_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    truth = np.array([t for t, _ in pairs], dtype=np.int8)
    scores = np.array([s for _, s in pairs], dtype=np.float64)
    expected = average_precision_score(truth, scores)
    assert average_precision(truth, scores) == pytest.approx(expected)


def test_scores_and_log_odds_are_inverse_and_scores_stay_below_one() -> None:
    margins = np.array([-1e30, -20.0, 0.0, 3.5, 20.0, 1e30])
    scores = score_of(margins)
    assert (scores[0] < 1e-300, scores[2]) == (True, 0.5)
    assert scores[-1] == np.nextafter(1.0, 0.0)  # so 1 is a threshold that nothing reaches
    np.testing.assert_allclose(log_odds_of(scores[1:5]), margins[1:5], rtol=1e-6)
    assert log_odds_of(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]
