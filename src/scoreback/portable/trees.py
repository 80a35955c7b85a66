"""The log-odds of rows by trees: by a walk from node to node, or by functions made of the trees.

A function is made as a syntax tree of comparisons with numbers, never as text: whatever a model
holds, it can only be a number there. Python runs it seven times as fast as a walk, but making it
costs as much as walking through a few hundred rows.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType

from .model import Trees, single

NODES_TOGETHER = 20_000  # in one function, about: making a larger one takes much memory at once
DEEPEST_COMPILED = 50  # questions one below the other: Python's compiler goes down by recursion

Row = Sequence[float]  # of the columns that are used; NaN where missing


class TreeScorer:
    """Sums of trees for rows, which hold the columns that some tree asks for."""

    def __init__(self, trees: Trees, intercept: float) -> None:
        """Prepare for *trees*."""
        self._trees, self._intercept = trees, intercept
        asked = {f for f, left in zip(trees.feature, trees.left) if left >= 0}
        self.used = sorted(asked)  # places among all columns
        places = {feature: place for place, feature in enumerate(self.used)}
        self._place = [places.get(feature, -1) for feature in trees.feature]
        self._functions: list[Callable[..., float]] = []
        # No sum in single precision is farther from the one in double precision than this.
        reached = abs(intercept) + sum(_largest_leaves(trees))
        self.doubt = (len(trees.roots) + 1) * 2.0**-23 * reached

    def compile(self) -> None:
        """Have functions made of the trees, where they are not too deep for that."""
        trees = self._trees
        if self._functions or not self.used or _depth(trees) > DEEPEST_COMPILED:
            return
        together: list[int] = []
        for root, end in zip(trees.roots, [*trees.roots[1:], len(trees.left)]):
            together.append(root)
            if end - together[0] >= NODES_TOGETHER or end == len(trees.left):
                self._functions.append(compiled(trees, together, self._place, len(self.used)))
                together = []

    def margins(self, columns: Sequence[Sequence[float]], count: int) -> list[float]:
        """The log-odds of *count* rows, summed in double precision; *columns* are those used."""
        if not self._functions:
            return list(map(self._walked, zip(*columns) if columns else [()] * count))
        found = [self._intercept] * count
        for function in self._functions:
            found = list(map(function, found, *columns))
        return found

    def exact(self, row: Row) -> float:
        """The log-odds of a row as XGBoost sums them: tree by tree, in single precision."""
        total = single(self._intercept)
        for leaf in self._leaves(row):
            total = single(total + leaf)
        return total

    def contributions(self, row: Row, width: int) -> list[float]:
        """A share for each of *width* features, then the base: they add up to the log-odds.

        A node is worth the mean of the leaves below it; each question gives what it changes to the
        feature that it asks for.
        """
        trees = self._trees
        shares = [0.0] * (width + 1)
        shares[width] = self._intercept
        for root in trees.roots:
            node = root
            shares[width] += trees.worth[node]
            while trees.left[node] >= 0:
                child = self._below(node, row)
                shares[trees.feature[node]] += trees.worth[child] - trees.worth[node]
                node = child
        return shares

    def _walked(self, row: Row) -> float:
        total = self._intercept  # Python's own sum makes up for rounding, which the function cannot
        for leaf in self._leaves(row):
            total += leaf
        return total

    def _leaves(self, row: Row) -> list[float]:
        trees, place = self._trees, self._place
        left, right, threshold = trees.left, trees.right, trees.threshold
        missing_left, worth, found = trees.missing_left, trees.worth, []
        for root in trees.roots:
            node = root
            while left[node] >= 0:
                value = row[place[node]]
                if value < threshold[node] or (value != value and missing_left[node]):
                    node = left[node]
                else:
                    node = right[node]
            found.append(worth[node])
        return found

    def _below(self, node: int, row: Row) -> int:
        trees = self._trees
        value = row[self._place[node]]
        if value < trees.threshold[node]:
            return trees.left[node]
        missing = value != value  # NaN alone is not itself
        return trees.left[node] if missing and trees.missing_left[node] else trees.right[node]


def compiled(
    trees: Trees, roots: Sequence[int], place: Sequence[int], width: int
) -> Callable[..., float]:
    """A function of a sum and *width* numbers: the sum, and the leaves that they lead to.

    It goes through the trees at *roots*; a node asks for the number at its *place*. A missing
    number is below no threshold, and above none either: so a question whose missing go right is
    "below?", and one whose missing go left is "not at least?".
    """
    names = [f"x{each}" for each in range(width)]
    asked = [ast.Name(name, ast.Load(), lineno=1, col_offset=0) for name in names]
    below, at_least = [ast.Lt()], [ast.GtE()]

    def constant(number: float) -> ast.expr:
        return ast.Constant(value=float(number), lineno=1, col_offset=0)

    def expression(node: int) -> ast.expr:
        if trees.left[node] < 0:
            return constant(trees.worth[node])
        yes, no = expression(trees.left[node]), expression(trees.right[node])
        how: list[ast.cmpop] = [*below]
        if trees.missing_left[node]:
            yes, no, how = no, yes, [*at_least]
        against = [constant(trees.threshold[node])]
        test = ast.Compare(asked[place[node]], how, against, lineno=1, col_offset=0)
        return ast.IfExp(test, yes, no, lineno=1, col_offset=0)

    module = ast.parse("def margin(total):\n    total += 0.0\n    return total")
    (function,) = module.body
    if not isinstance(function, ast.FunctionDef):
        raise TypeError("a definition is not parsed as one")
    add, end = function.body
    if not isinstance(add, ast.AugAssign):
        raise TypeError("a statement is not parsed as one")
    function.args.args += [ast.arg(arg=name, lineno=1, col_offset=0) for name in names]
    function.body = []
    for root in roots:
        step = ast.AugAssign(add.target, add.op, expression(root), lineno=1, col_offset=0)
        function.body.append(step)
    function.body.append(end)
    constants = compile(module, "<trees>", "exec").co_consts
    (code,) = (each for each in constants if isinstance(each, CodeType))
    return FunctionType(code, {})


def _depth(trees: Trees) -> int:
    """The most questions on the way to a leaf; children come after their parents."""
    depth = [0] * len(trees.left)
    for node, (left, right) in enumerate(zip(trees.left, trees.right)):
        if left >= 0:
            depth[left] = depth[right] = depth[node] + 1
    return max(depth)


def _largest_leaves(trees: Trees) -> list[float]:
    """Of each tree the largest leaf, whatever its sign."""
    ends = [*trees.roots[1:], len(trees.left)]
    return [
        max(abs(trees.worth[node]) for node in range(root, end) if trees.left[node] < 0)
        for root, end in zip(trees.roots, ends)
    ]
