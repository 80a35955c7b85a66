"""The log-odds of rows from trees, computed in the fastest way for their number.

A few rows are walked from node to node. More rows go through functions made from the trees; making
them costs as much as walking a few hundred rows. A function is built as a syntax tree of
comparisons with numbers, never from text: whatever a model contains, it can only become a number
there. Very many rows go through all trees together (`bitwise`). Every way gives the same sums to
the last digit, because leaves are rounded so that sums need no rounding.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType

from .bitwise import BitwiseTrees
from .model import Trees, single

MANY = 1_500  # from this many rows on, going through all trees together pays off
# about how many nodes one function has: building a larger one takes much memory
NODES_TOGETHER = 20_000
_TREES_IN_A_SUM = 20  # Python's compiler recurses into a sum, too
# limit for scoring rows together, where every node takes memory for all rows
_NODES_AT_MOST = 60_000
COSTS = 8  # finding a number's place among the thresholds costs as much as this many questions
_STEPS = 2.0**32  # steps per unit: leaves are rounded to whole steps, so scores are exact to 1e-9
_LARGEST_SUM = 2.0**20  # double precision holds every step of sums up to this, with room to spare
DEEPEST_COMPILED = 50  # depth of questions: Python's compiler recurses into them

Row = Sequence[float]  # the columns that are used; NaN where missing


class TreeScorer:
    """Sums of trees for rows that hold the columns used by some tree."""

    def __init__(self, trees: Trees, intercept: float) -> None:
        """Prepare *trees*."""
        self._trees, self._intercept = trees, intercept
        asked = {f for f, left in zip(trees.feature, trees.left) if left >= 0}
        self.used = sorted(asked)  # positions among all columns
        places = {feature: place for place, feature in enumerate(self.used)}
        self._place = [places.get(feature, -1) for feature in trees.feature]
        self._functions: list[Callable[..., float]] = []
        self._bitwise: BitwiseTrees | None = None
        # The largest possible difference between a sum in single and in double precision.
        reached = abs(intercept) + sum(_largest_leaves(trees))
        self.doubt = (len(trees.roots) + 1) * (2.0**-23 * reached + 1 / _STEPS)
        self._worth, self._start = trees.worth, intercept
        self._stepwise = reached < _LARGEST_SUM
        if self._stepwise:
            self._worth = [round(worth * _STEPS) / _STEPS for worth in trees.worth]
            self._start = round(intercept * _STEPS) / _STEPS
        asked_of_a_row = sum((leaves - 1).bit_length() for leaves in _leaf_counts(trees))
        self._worth_it = (
            self._stepwise
            and bool(self.used)
            and asked_of_a_row >= COSTS * len(self.used)
            and len(trees.left) <= _NODES_AT_MOST
        )

    def together(self, count: int) -> bool:
        """Whether *count* rows go through all trees together, without functions."""
        return self._worth_it and count >= MANY

    def compile(self) -> None:
        """Make functions from the trees that are not too deep."""
        trees = self._trees
        if self._functions or not self.used or _depth(trees) > DEEPEST_COMPILED:
            return
        together: list[int] = []
        for root, end in zip(trees.roots, [*trees.roots[1:], len(trees.left)]):
            together.append(root)
            if end - together[0] >= NODES_TOGETHER or end == len(trees.left):
                self._functions.append(self._compiled(together))
                together = []

    def margins(self, columns: Sequence[Sequence[float]], count: int) -> list[float]:
        """The log-odds of *count* rows, summed in double precision; *columns* are the used ones."""
        if self.together(count):
            if self._bitwise is None:
                leaves = [round(worth * _STEPS) for worth in self._worth]
                self._bitwise = BitwiseTrees(self._trees, self._place, leaves)
            start = self._start
            return [start + total / _STEPS for total in self._bitwise.sums(columns, count)]
        if not self._functions:
            return list(map(self._walked, zip(*columns) if columns else [()] * count))
        found = [self._start] * count
        for function in self._functions:
            found = list(map(function, found, *columns))
        return found

    def exact(self, row: Row) -> float:
        """The log-odds of a row as XGBoost sums them: tree by tree, in single precision."""
        total = single(self._intercept)
        for node in self._ends(row):
            total = single(total + self._trees.worth[node])
        return total

    def contributions(self, row: Row, width: int) -> list[float]:
        """A share for each of *width* features, then the base; together they are the log-odds.

        A node is worth the mean of the leaves below it; each question credits its feature with the
        change that it causes.
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
        total = self._start  # Python's own sum compensates for rounding, which the functions cannot
        for node in self._ends(row):
            total += self._worth[node]
        return total

    def _ends(self, row: Row) -> list[int]:
        """The leaf that *row* reaches in each tree."""
        trees, place = self._trees, self._place
        left, right, threshold = trees.left, trees.right, trees.threshold
        missing_left, found = trees.missing_left, []
        for root in trees.roots:
            node = root
            while left[node] >= 0:
                value = row[place[node]]
                if value < threshold[node] or (value != value and missing_left[node]):
                    node = left[node]
                else:
                    node = right[node]
            found.append(node)
        return found

    def _below(self, node: int, row: Row) -> int:
        trees = self._trees
        value = row[self._place[node]]
        if value < trees.threshold[node]:
            return trees.left[node]
        missing = value != value  # true for NaN only
        return trees.left[node] if missing and trees.missing_left[node] else trees.right[node]

    def _compiled(self, roots: Sequence[int]) -> Callable[..., float]:
        return compiled(self._trees, roots, self._place, len(self.used), self._worth)


def compiled(
    trees: Trees, roots: Sequence[int], place: Sequence[int], width: int, worth: Sequence[float]
) -> Callable[..., float]:
    """A function that adds the leaves reached by *width* numbers to a running sum.

    It covers the trees at *roots*; a node tests the number at its *place*. A missing number is
    neither below nor at least any threshold: so a question that sends missing numbers right tests
    "below", and one that sends them left tests "not at least".
    """
    names = [f"x{each}" for each in range(width)]
    asked = [ast.Name(name, ast.Load(), lineno=1, col_offset=0) for name in names]
    below, at_least = [ast.Lt()], [ast.GtE()]

    def constant(number: float) -> ast.expr:
        return ast.Constant(value=float(number), lineno=1, col_offset=0)

    def expression(node: int) -> ast.expr:
        if trees.left[node] < 0:
            return constant(worth[node])
        yes, no = expression(trees.left[node]), expression(trees.right[node])
        how: list[ast.cmpop] = [*below]
        if trees.missing_left[node]:
            yes, no, how = no, yes, [*at_least]
        against = [constant(trees.threshold[node])]
        test = ast.Compare(asked[place[node]], how, against, lineno=1, col_offset=0)
        return ast.IfExp(test, yes, no, lineno=1, col_offset=0)

    module = ast.parse("def margin(total):\n    total = 0.0\n    return total")
    (function,) = module.body
    if not isinstance(function, ast.FunctionDef):
        raise TypeError("the parsed code is not a function definition")
    assign, end = function.body
    if not isinstance(assign, ast.Assign):
        raise TypeError("the parsed code is not the expected statement")
    function.args.args += [ast.arg(arg=name, lineno=1, col_offset=0) for name in names]
    function.body = []
    for start in range(0, len(roots), _TREES_IN_A_SUM):
        total: ast.expr = ast.Name("total", ast.Load(), lineno=1, col_offset=0)
        for root in roots[start : start + _TREES_IN_A_SUM]:
            total = ast.BinOp(total, ast.Add(), expression(root), lineno=1, col_offset=0)
        function.body.append(ast.Assign(assign.targets, total, lineno=1, col_offset=0))
    function.body.append(end)
    constants = compile(module, "<trees>", "exec").co_consts
    (code,) = (each for each in constants if isinstance(each, CodeType))
    return FunctionType(code, {})


def _depth(trees: Trees) -> int:
    """The maximum number of questions on the way to a leaf; children come after their parents."""
    depth = [0] * len(trees.left)
    for node, (left, right) in enumerate(zip(trees.left, trees.right)):
        if left >= 0:
            depth[left] = depth[right] = depth[node] + 1
    return max(depth)


def _leaf_counts(trees: Trees) -> list[int]:
    """The number of leaves in each tree."""
    ends = [*trees.roots[1:], len(trees.left)]
    return [sum(left < 0 for left in trees.left[a:b]) for a, b in zip(trees.roots, ends)]


def _largest_leaves(trees: Trees) -> list[float]:
    """The largest absolute leaf value of each tree."""
    ends = [*trees.roots[1:], len(trees.left)]
    return [
        max(abs(trees.worth[node]) for node in range(root, end) if trees.left[node] < 0)
        for root, end in zip(trees.roots, ends)
    ]
