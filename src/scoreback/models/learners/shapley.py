"""Exact Shapley values of boosted trees from tables: most work is done once per model, not per row.

The values are those of XGBoost's ``pred_contribs``: what a feature adds when it becomes known,
averaged over all orders in which features can become known. An unknown feature sends a row down
both sides of a split, weighted by the training rows that went there. A leaf's part in the values
depends only on which features of its path would lead the row to it. With m features there are 2^m
such patterns, so a table holds each leaf's parts for all of them, and a row needs only its pattern.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.model import Floats, Matrix
from scoreback.models.learners.tree_paths import Nodes, Paths

# Cells of all tables: 32 MB. Boosted trees of depth 5 take a fifth of that; a deep forest, whose
# paths test a dozen features each, would need gigabytes.
MOST_CELLS = 4_000_000
_MOST_FEATURES = 12  # on one path: 4,096 patterns
_BLOCK = 128  # rows at once, so that the lookups stay in the processor's cache
_CHUNK = 200_000  # cells to fill at once

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """The distinct conditions of the model."""

    feature: _Ints
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: _Bools

    def met(self, columns: Matrix) -> NDArray[np.uint8]:
        """Shape (conditions, rows): 1 where a row of *columns*, (features, rows), meets it."""
        values = columns[self.feature]
        failed = values < self.low[:, None]
        failed |= values >= self.high[:, None]
        if np.isnan(columns).any():
            failed |= np.isnan(values) & ~self.missing[:, None]
        met: NDArray[np.uint8] = (~failed).view(np.uint8)
        return met


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapleyTables:
    """The tables of one model."""

    width: int  # features of the model
    conditions: _Conditions
    patterns: tuple[_Ints, ...]  # per group of leaves, their conditions: (leaves, features)
    cells: Floats
    # For each feature, the leaves whose paths test it, numbered across all groups, and the cell at
    # which each leaf's part of the table begins.
    asked: tuple[tuple[int, _Ints, _Ints], ...]

    @classmethod
    def of(cls, nodes: Nodes, width: int) -> Self | None:
        """The tables of an XGBoost model with these *nodes* and *width* features.

        None if they would be too large.
        """
        paths = Paths.of(nodes)
        if paths.width.max() > _MOST_FEATURES:
            return None
        if int((paths.width << paths.width).sum()) > MOST_CELLS:
            return None
        used = np.arange(paths.feature.shape[1]) < paths.width[:, None]
        _, first, numbers = np.unique(paths.child[used], return_index=True, return_inverse=True)
        number = np.zeros(paths.child.shape, dtype=np.int64)
        number[used] = numbers
        conditions = _Conditions(
            feature=paths.feature[used][first], low=paths.low[used][first],
            high=paths.high[used][first], missing=paths.missing[used][first],
        )  # fmt: skip
        patterns, cells, features, leaves, begins = [], [], [], [], []
        leaf_count = cell_count = 0
        for many in np.unique(paths.width[paths.width > 0]).tolist():
            mine = np.flatnonzero(paths.width == many)
            kept, table = _paired(paths, mine, _table(paths, mine))
            patterns.append(number[kept, :many])
            cells.append(table.ravel())
            features.append(paths.feature[kept, :many].ravel())
            leaves.append(np.repeat(np.arange(len(kept)) + leaf_count, many))
            begins.append(np.arange(len(kept) * many) * (1 << many) + cell_count)
            leaf_count += len(kept)
            cell_count += table.size
        feature = np.concatenate(features) if features else np.empty(0, dtype=np.int64)
        asked = []
        for name in np.unique(feature).tolist():
            at = np.flatnonzero(feature == name)
            asked.append((name, np.concatenate(leaves)[at], np.concatenate(begins)[at]))
        return cls(
            width=width, conditions=conditions, patterns=tuple(patterns),
            cells=np.concatenate(cells) if cells else np.empty(0), asked=tuple(asked),
        )  # fmt: skip

    def contributions(self, matrix: Matrix) -> Floats:
        """Shape (rows, features): what each feature adds to each row's log-odds.

        A row has the same values alone and in any batch, because sums go leaf by leaf.
        """
        found = np.zeros((len(matrix), self.width))
        for start in range(0, len(matrix), _BLOCK):
            block = matrix[start : start + _BLOCK]
            alone = len(block) == 1  # numpy would sum a single column in another order
            columns = np.ascontiguousarray(np.repeat(block, 2, axis=0).T if alone else block.T)
            values = self._of_columns(columns)
            found[start : start + _BLOCK] = values[:, : len(block)].T
        return found

    def _of_columns(self, columns: Matrix) -> Floats:
        met = self.conditions.met(columns)
        patterns = np.concatenate(
            [_numbers(met, group) for group in self.patterns]
            or [np.empty((0, columns.shape[1]), dtype=np.int64)]
        )
        found = np.zeros((self.width, columns.shape[1]))
        for feature, leaves, begins in self.asked:
            places = patterns[leaves]
            places += begins[:, None]
            found[feature] = self.cells.take(places, mode="clip").sum(axis=0)
        return found


def _numbers(met: NDArray[np.uint8], conditions: _Ints) -> _Ints:
    """The pattern of each leaf and row: one bit for each of its *conditions*."""
    found = np.zeros((len(conditions), met.shape[1]), dtype=np.uint16)
    for place in range(conditions.shape[1]):
        found |= np.left_shift(met[conditions[:, place]], place, dtype=np.uint16)
    return found.astype(np.int64)


def _table(paths: Paths, leaves: _Ints) -> Floats:
    """Shape (leaves, features, patterns) for *leaves* whose paths test equally many features.

    If features become known at random times, a leaf's gain at time t is a polynomial in t, which
    Gauss-Legendre quadrature integrates exactly.
    """
    many = int(paths.width[leaves[0]])
    points, weights = np.polynomial.legendre.leggauss((many + 1) // 2)
    points, weights = (points + 1) / 2, weights / 2
    bits = (np.arange(1 << many) >> np.arange(many)[:, None]) & 1  # (features, patterns)
    table = np.empty((len(leaves), many, 1 << many))
    step = max(1, _CHUNK // (many << many))
    for start in range(0, len(leaves), step):
        part = leaves[start : start + step]
        share = paths.share[part, :many, None]  # (leaves, features, 1)
        gain = bits - share  # the change from knowing the feature
        total = np.zeros_like(gain)
        for point, weight in zip(points, weights, strict=True):
            factor = share + gain * point
            others = np.ones_like(factor)
            running = np.ones_like(factor[:, 0])
            for place in range(many):  # products of all others, without a division by zero
                others[:, place] *= running
                running = running * factor[:, place]
            running = np.ones_like(running)
            for place in reversed(range(many)):
                others[:, place] *= running
                running = running * factor[:, place]
            total += weight * others
        table[start : start + step] = paths.value[part, None, None] * gain * total
    return table


def _paired(paths: Paths, leaves: _Ints, table: Floats) -> tuple[_Ints, Floats]:
    """Merge tables of leaves below one split: a row that fails one condition meets the other."""
    able = paths.nearest_once[leaves]
    order = np.lexsort((~paths.is_left[leaves], paths.above[leaves]))
    above, ready = paths.above[leaves][order], able[order]
    pair = np.flatnonzero((above[1:] == above[:-1]) & ready[1:] & ready[:-1])
    left, right = order[pair], order[pair + 1]
    other = np.arange(table.shape[2]) ^ 1
    table[left] += table[right][:, :, other]
    kept = np.setdiff1d(np.arange(len(leaves)), right)
    return leaves[kept], table[kept]
