"""Whether a decoded XGBoost model is one that can be scored with safely."""

from collections.abc import Mapping

import numpy as np

from scoreback.models.ubjson import Value

_PER_NODE = (
    "base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children",
    "split_conditions", "split_indices", "split_type", "sum_hessian",
)  # fmt: skip
_NO_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")

_NO_PARENT = 2**31 - 1


def check_boosted_trees(document: Value) -> None:
    """Refuse all but plain boosted trees for two classes whose nodes all lead to a leaf.

    Raises:
        ValueError: it is something else, or its parts contradict each other.
    """
    try:
        learner = _mapping(_mapping(document)["learner"])
        objective = _mapping(learner["objective"])["name"]
        booster = _mapping(learner["gradient_booster"])
        width = int(str(_mapping(learner["learner_model_param"])["num_feature"]))
        model = _mapping(booster["model"])
        trees, info = model["trees"], np.asarray(model["tree_info"])
        if objective != "binary:logistic" or booster["name"] != "gbtree":
            raise ValueError("it is not boosted trees for two classes")
        if not isinstance(trees, list) or info.shape != (len(trees),) or info.any():
            raise ValueError("it does not have one tree a round")
        rounds = np.asarray(model["iteration_indptr"])
        if not np.array_equal(rounds, np.arange(len(trees) + 1)):
            raise ValueError("its rounds do not match its trees")
        shape = _mapping(model["gbtree_model_param"])
        _expect(shape, "num_trees", len(trees))
        _expect(shape, "num_parallel_tree", 1)
        _expect(_mapping(learner["learner_model_param"]), "num_class", 0)
        _expect(_mapping(learner["learner_model_param"]), "num_target", 1)
        for tree in trees:
            _check_tree(_mapping(tree), width)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("it is not an XGBoost model") from error


def _check_tree(tree: Mapping[str, Value], width: int) -> None:
    shape = _mapping(tree["tree_param"])
    nodes = int(str(shape["num_nodes"]))
    _expect(shape, "num_feature", width)
    _expect(shape, "num_deleted", 0)
    _expect(shape, "size_leaf_vector", 1)
    columns = {name: np.asarray(tree[name]) for name in _PER_NODE}
    if nodes < 1 or any(column.shape != (nodes,) for column in columns.values()):
        raise ValueError("a tree lacks some of its nodes")
    if any(np.asarray(tree[name]).size for name in _NO_CATEGORIES) or columns["split_type"].any():
        raise ValueError("a tree splits by category, which models here never do")
    left, right = (columns[f"{side}_children"].astype(np.int64) for side in ("left", "right"))
    inner = left != -1
    children = np.concatenate((left[inner], right[inner]))
    parents = np.empty(nodes, dtype=np.int64)
    if not (right[~inner] == -1).all() or not np.array_equal(
        np.sort(children), np.arange(1, nodes)
    ):
        raise ValueError("a tree's nodes do not hang together")
    parents[0], parents[children] = _NO_PARENT, np.tile(np.flatnonzero(inner), 2)
    if not np.array_equal(columns["parents"], parents):
        raise ValueError("a tree's nodes do not hang together")
    covers, conditions = columns["sum_hessian"], columns["split_conditions"]
    if inner.any() and not ((covers > 0) & np.isfinite(covers)).all():
        raise ValueError("a tree does not say how many rows came through its nodes")
    if not np.isfinite(conditions[~inner]).all() or np.isnan(conditions[inner]).any():
        raise ValueError("a tree holds values that are no numbers")
    split = columns["split_indices"].astype(np.int64)
    if not 0 <= int(split.min()) <= int(split.max()) < width:
        raise ValueError("a tree asks for a feature that the model does not have")


def _expect(parameters: Mapping[str, Value], name: str, expected: int) -> None:
    """Refuse a parameter that is not as expected; a version may have stopped writing it."""
    if name in parameters and parameters[name] != str(expected):
        raise ValueError(f"its {name} is not {expected}")


def _mapping(value: Value) -> Mapping[str, Value]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return value
