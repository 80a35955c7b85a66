"""Walk, functions made of trees, and all rows together: equal sums, to the last digit."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.portable import trees as module
from scoreback.portable.model import Trees
from scoreback.portable.trees import TreeScorer

WIDTH = 3
_NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, 1e300, -1e300, 5e-324])


@st.composite
def some_trees(draw: st.DrawFn) -> Trees:
    columns: dict[str, list[Any]] = {name: [] for name in Trees.__dataclass_fields__}

    def node(depth: int) -> int:
        place = len(columns["left"])
        asks = depth > 0 and draw(st.booleans())
        row = {
            "left": -1, "right": -1, "feature": draw(st.integers(0, WIDTH - 1)) if asks else 0,
            "threshold": draw(_NUMBERS) if asks else 0.0,
            "missing_left": draw(st.integers(0, 1)), "worth": draw(st.floats(-5, 5, width=32)),
        }  # fmt: skip
        for name, value in row.items():
            columns[name].append(value)
        if asks:
            columns["left"][place] = node(depth - 1)
            columns["right"][place] = node(depth - 1)
        return place

    for _ in range(draw(st.integers(1, 4))):
        columns["roots"].append(node(4))
    return Trees(**columns)


@given(
    trees=some_trees(),
    rows=st.lists(st.tuples(*[_NUMBERS | st.just(math.nan)] * WIDTH), min_size=1, max_size=8),
    nodes=st.sampled_from([1, 20_000]),
)
def test_all_ways_agree(trees: Trees, rows: list[tuple[float, ...]], nodes: int) -> None:
    scorer = TreeScorer(trees, -1.25)
    columns = [[row[place] for row in rows] for place in scorer.used]
    walked = scorer.margins(columns, len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NODES_TOGETHER", nodes)
        scorer.compile()
    assert scorer.margins(columns, len(rows)) == walked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MANY", 1)
        patch.setattr(module, "COSTS", 0)
        together = TreeScorer(trees, -1.25)
        assert together.together(len(rows)) == bool(columns)
        assert together.margins(columns, len(rows)) == walked
    for row, margin in zip(rows, walked, strict=True):
        used = [row[place] for place in scorer.used]
        assert abs(scorer.exact(used) - margin) <= scorer.doubt
        assert math.fsum(scorer.contributions(used, WIDTH)) == pytest.approx(margin, abs=1e-9)


def test_what_is_too_deep_for_pythons_compiler_is_walked() -> None:
    depth = 200  # questions, each with a leaf at its left
    nodes = 2 * depth + 1
    trees = Trees(
        roots=[0],
        left=[n + 1 if n % 2 == 0 and n < 2 * depth else -1 for n in range(nodes)],
        right=[n + 2 if n % 2 == 0 and n < 2 * depth else -1 for n in range(nodes)],
        feature=[0] * nodes,
        threshold=[float(n) for n in range(nodes)],
        missing_left=[0] * nodes,
        worth=[float(n) for n in range(nodes)],
    )
    scorer = TreeScorer(trees, 0.0)
    scorer.compile()
    assert scorer.margins([[7.5, 1e9]], 2) == [9.0, 400.0]
