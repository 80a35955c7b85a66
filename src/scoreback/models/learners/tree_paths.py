"""The trees of an XGBoost model as plain columns, and the conditions on the path to each leaf."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The nodes of all trees, one after the other."""

    parent: _Ints  # -1 for a root
    is_left: _Bools
    feature: _Ints
    threshold: NDArray[np.float32]  # of leaves: their value
    missing_left: _Bools
    cover: Floats
    is_leaf: _Bools

    @classmethod
    def of(cls, document: Any) -> Self:  # noqa: ANN401 - decoded, and checked by `tree_check`
        """The trees of an XGBoost model."""
        trees = document["learner"]["gradient_booster"]["model"]["trees"]
        sizes = [len(tree["left_children"]) for tree in trees]
        starts = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)

        def column(name: str) -> NDArray[Any]:
            return np.concatenate([np.asarray(tree[name]) for tree in trees])

        left = column("left_children").astype(np.int64)
        right = column("right_children").astype(np.int64)
        parent = np.full(len(left), -1)
        is_left = np.zeros(len(left), dtype=bool)
        inner = np.flatnonzero(left >= 0)
        parent[left[inner] + starts[inner]] = inner
        parent[right[inner] + starts[inner]] = inner
        is_left[left[inner] + starts[inner]] = True
        return cls(
            parent=parent,
            is_left=is_left,
            feature=column("split_indices").astype(np.int64),
            threshold=column("split_conditions").astype(np.float32),
            missing_left=column("default_left").astype(bool),
            cover=column("sum_hessian").astype(np.float64),
            is_leaf=left < 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The path to each leaf: its features, nearest to the leaf first, each one once.

    A feature that is tested several times has one condition, ``low <= x < high``; NaN means no
    bound. Arrays have one row for each leaf and one column for each feature of its path; ``width``
    says how many columns of a row are in use.
    """

    width: _Ints
    feature: _Ints
    child: _Ints  # the node below the feature's last split: it identifies the condition
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: _Bools  # a row without the feature stays on the path
    share: Floats  # of training rows that stay on the path
    nearest_once: _Bools  # the split nearest to the leaf is the only one on its feature
    value: Floats
    above: _Ints  # the leaf's parent, -1 if the tree is one leaf
    is_left: _Bools

    @classmethod
    def of(cls, nodes: Nodes) -> Self:
        """Climb from all leaves at once."""
        leaves = np.flatnonzero(nodes.is_leaf)
        rows, count = np.arange(len(leaves)), len(leaves)
        width = np.zeros(count, dtype=np.int64)
        feature = np.full((count, 1), -1)
        child = np.zeros((count, 1), dtype=np.int64)
        low, high = (np.full((count, 1), np.nan, dtype=np.float32) for _ in range(2))
        missing, share = np.ones((count, 1), dtype=bool), np.ones((count, 1))
        once = np.ones(count, dtype=bool)
        here = leaves
        while (nodes.parent[here] >= 0).any():
            climbing = nodes.parent[here] >= 0
            row, below = rows[climbing], here[climbing]
            up = nodes.parent[below]
            asked = nodes.feature[up]
            same = feature[row] == asked[:, None]
            known = same.any(axis=1)
            place = np.where(known, same.argmax(axis=1), width[row])
            if place.max() >= feature.shape[1]:
                feature, child = _wider(feature, -1), _wider(child, 0)
                low, high = _wider(low, np.nan), _wider(high, np.nan)
                missing, share = _wider(missing, fill=True), _wider(share, 1.0)
            once[row[known & (place == 0)]] = False
            feature[row, place] = asked
            child[row, place] = np.where(known, child[row, place], below)
            width[row] += ~known
            left, cut = nodes.is_left[below], nodes.threshold[up]
            high[row, place] = np.where(left, np.fmin(high[row, place], cut), high[row, place])
            low[row, place] = np.where(left, low[row, place], np.fmax(low[row, place], cut))
            missing[row, place] &= nodes.missing_left[up] == left
            share[row, place] *= nodes.cover[below] / nodes.cover[up]
            here = np.where(climbing, nodes.parent[here], here)
        return cls(
            width=width, feature=feature, child=child, low=low, high=high, missing=missing,
            share=share, nearest_once=once, value=nodes.threshold[leaves].astype(np.float64),
            above=nodes.parent[leaves], is_left=nodes.is_left[leaves],
        )  # fmt: skip


def _wider(columns: NDArray[Any], fill: float) -> NDArray[Any]:
    return np.pad(columns, ((0, 0), (0, 1)), constant_values=fill)
