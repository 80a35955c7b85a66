"""Converts trees of other libraries to XGBoost models, so that one code scores and explains all.

A scikit-learn tree sends a row left if ``x <= t``, with t in float64; XGBoost if ``x < t``, with t
in float32. Features are float32, so the two agree for every value if XGBoost's t is the next
float32 above the largest float32 that is not greater than t.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats

_NO_PARENT = 2**31 - 1
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree, node by node; the root is node 0 and a leaf has -1 for children."""

    left: _Ints
    right: _Ints
    feature: _Ints  # of inner nodes
    threshold: Floats  # of inner nodes: left where the value is at most this
    missing_left: NDArray[np.bool_]  # of inner nodes
    value: Floats  # of leaves: log-odds that they add
    cover: Floats  # weight of the training rows that came through


def boosted(trees: Sequence[Tree], width: int, intercept: float) -> bytes:
    """UBJSON of an XGBoost model with *width* features: ``intercept`` plus the sum of *trees*.

    The intercept is added to the leaves of the first tree: XGBoost stores its own as a probability,
    which loses digits far from one half.
    """
    first, *rest = trees
    shifted = [replace(first, value=first.value + intercept), *rest]
    count = len(trees)
    document = {
        "version": list(map(int, xgb.__version__.split(".")[:3])),
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "learner_model_param": {
                "base_score": "5E-1", "boost_from_average": "0", "num_class": "0",
                "num_feature": str(width), "num_target": "1",
            },
            "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
            "gradient_booster": {
                "name": "gbtree",
                "model": {
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(count)},
                    "iteration_indptr": list(range(count + 1)),
                    "tree_info": [0] * count,
                    "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                    "trees": [_document(i, tree, width) for i, tree in enumerate(shifted)],
                },
            },
        },
    }  # fmt: skip
    booster = xgb.Booster()
    booster.load_model(bytearray(json.dumps(document).encode()))
    return bytes(booster.save_raw("ubj"))


def float32_below(thresholds: Floats) -> NDArray[np.float32]:
    """For each t the float32 t' such that ``x < t'`` equals ``x <= t`` for every float32 x."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
        below = np.nextafter(near, np.float32(-np.inf))
        at_most = np.where(near > thresholds, below, near)
        above: NDArray[np.float32] = np.nextafter(at_most, np.float32(np.inf))
    return above


def _document(number: int, tree: Tree, width: int) -> dict[str, object]:
    order, parents = _siblings_adjacent(tree)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    leaf = tree.left[order] < 0
    left = np.where(leaf, -1, place[tree.left[order]])
    right = np.where(leaf, -1, place[tree.right[order]])
    feature = np.where(leaf, 0, tree.feature[order])
    conditions = np.where(
        leaf, tree.value[order].astype(np.float32), float32_below(tree.threshold[order])
    )
    covers = tree.cover[order]
    none: list[int] = []
    return {
        "id": number,
        "left_children": left.tolist(),
        "right_children": right.tolist(),
        "parents": parents.tolist(),
        "split_indices": feature.tolist(),
        "split_conditions": [float(c) for c in conditions],
        "split_type": [0] * len(order),
        "default_left": np.where(leaf, False, tree.missing_left[order]).astype(int).tolist(),
        "base_weights": np.where(leaf, tree.value[order], 0.0).tolist(),
        "loss_changes": [0.0] * len(order),
        "sum_hessian": covers.tolist(),
        "categories": none,
        "categories_nodes": none,
        "categories_segments": none,
        "categories_sizes": none,
        "tree_param": {
            "num_deleted": "0", "num_feature": str(width), "num_nodes": str(len(order)),
            "size_leaf_vector": "1",
        },
    }  # fmt: skip


def _siblings_adjacent(tree: Tree) -> tuple[_Ints, _Ints]:
    """Nodes level by level with siblings side by side, and each node's parent in this numbering.

    XGBoost expects the right child's number to be the left child's plus one.
    """
    order, parents = [0], [_NO_PARENT]
    at = 0
    while at < len(order):
        node = order[at]
        if tree.left[node] >= 0:
            order += [int(tree.left[node]), int(tree.right[node])]
            parents += [at, at]
        at += 1
    return np.array(order), np.array(parents)
