"""Checks that a decoded XGBoost model is safe to score with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.ubjson import Value

_PER_NODE = (
    "base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children",
    "split_conditions", "split_indices", "split_type", "sum_hessian",
)  # fmt: skip
_WHOLE = ("left_children", "parents", "right_children", "split_indices", "split_type")
_NO_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")

_NO_PARENT = 2**31 - 1


def check_boosted_trees(document: Value) -> None:
    """Refuse everything but plain boosted trees for two classes whose paths all end in a leaf.

    Raises:
        ValueError: the document is something else, or its parts contradict each other.
    """
    try:
        learner = _mapping(_mapping(document)["learner"])
        objective = _mapping(learner["objective"])["name"]
        booster = _mapping(learner["gradient_booster"])
        width = int(str(_mapping(learner["learner_model_param"])["num_feature"]))
        model = _mapping(booster["model"])
        trees, info = model["trees"], _numbers(model["tree_info"])
        if objective != "binary:logistic" or booster["name"] != "gbtree":
            raise ValueError("it is not boosted trees for two classes")
        if not isinstance(trees, list) or info.shape != (len(trees),) or info.any():
            raise ValueError("it does not have one tree a round")
        rounds = _numbers(model["iteration_indptr"])
        if not np.array_equal(rounds, np.arange(len(trees) + 1)):
            raise ValueError("its rounds do not match its trees")
        shape = _mapping(model["gbtree_model_param"])
        _expect(shape, "num_trees", len(trees))
        _expect(shape, "num_parallel_tree", 1)
        _expect(_mapping(learner["learner_model_param"]), "num_class", 0)
        _expect(_mapping(learner["learner_model_param"]), "num_target", 1)
        _check_forest([_mapping(tree) for tree in trees], width)
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError("it is not an XGBoost model") from error


def _check_forest(trees: Sequence[Mapping[str, Value]], width: int) -> None:
    """Check the nodes of all *trees* at once; tree by tree, loading a model takes twice as long."""
    sizes = np.array([_size(tree, width) for tree in trees], dtype=np.int64)
    if not sizes.size:
        return
    nodes = {name: np.concatenate([_numbers(tree[name]) for tree in trees]) for name in _PER_NODE}
    for name in _WHOLE:
        if nodes[name].dtype.kind not in "iu":
            raise ValueError(f"a tree's {name} are not whole numbers")
        nodes[name] = nodes[name].astype(np.int64)
    roots = np.cumsum(sizes) - sizes
    inner = nodes["left_children"] != -1
    _check_shape(nodes, inner, sizes, roots)
    covers, conditions = nodes["sum_hessian"], nodes["split_conditions"]
    splits = np.logical_or.reduceat(inner, roots)  # a tree of one leaf may have seen no rows
    if not ((covers > 0) & np.isfinite(covers))[np.repeat(splits, sizes)].all():
        raise ValueError("a tree does not say how many rows came through its nodes")
    if not np.isfinite(conditions[~inner]).all() or np.isnan(conditions[inner]).any():
        raise ValueError("a tree holds values that are not numbers")
    if nodes["split_type"].any():
        raise ValueError("a tree splits by category, which models here never do")
    split = nodes["split_indices"]
    if not 0 <= int(split.min()) <= int(split.max()) < width:
        raise ValueError("a tree asks for a feature that the model does not have")


def _size(tree: Mapping[str, Value], width: int) -> int:
    """The number of nodes of *tree*, after a check that none is missing."""
    shape = _mapping(tree["tree_param"])
    nodes = int(str(shape["num_nodes"]))
    _expect(shape, "num_feature", width)
    _expect(shape, "num_deleted", 0)
    _expect(shape, "size_leaf_vector", 1)
    if nodes < 1 or any(_numbers(tree[name]).shape != (nodes,) for name in _PER_NODE):
        raise ValueError("a tree lacks some of its nodes")
    if any(_numbers(tree[name]).size for name in _NO_CATEGORIES):
        raise ValueError("a tree splits by category, which models here never do")
    return nodes


def _check_shape(
    nodes: Mapping[str, NDArray[Any]],
    inner: NDArray[np.bool_],
    sizes: NDArray[np.int64],
    roots: NDArray[np.int64],
) -> None:
    """Check that every node but the roots has one parent, earlier in the same tree.

    So every node leads up to its root, and there are no cycles.
    """
    above = np.flatnonzero(inner)
    first, size = (np.repeat(each, sizes)[inner] for each in (roots, sizes))
    sides = [nodes[f"{side}_children"] for side in ("left", "right")]
    astray = (sides[1][~inner] != -1).any()
    sides = [side[inner] for side in sides]
    astray |= any(((side <= above - first) | (side >= size)).any() for side in sides)
    children = np.concatenate([side + first for side in sides])
    parents = np.full(len(inner), _NO_PARENT, dtype=np.int64)
    if not astray:
        parents[children] = np.tile(above - first, 2)
    is_root = np.zeros(len(inner), dtype=bool)
    is_root[roots] = True
    if (
        astray
        or not np.array_equal(np.sort(children), np.flatnonzero(~is_root))
        or not np.array_equal(nodes["parents"], parents)
    ):
        raise ValueError("a tree's nodes do not hang together")


def _numbers(value: Value) -> NDArray[Any]:
    """*value*, checked to be a column of numbers; numpy could turn others into huge arrays."""
    if isinstance(value, list) and set(map(type, value)) <= {int, float, bool}:
        value = np.array(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iufb":
        raise TypeError("not numbers")
    return value


def _expect(parameters: Mapping[str, Value], name: str, expected: int) -> None:
    """Refuse a parameter with another value; it may be absent, as XGBoost may stop writing it."""
    if name in parameters and parameters[name] != str(expected):
        raise ValueError(f"its {name} is not {expected}")


def _mapping(value: Value) -> Mapping[str, Value]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return value
