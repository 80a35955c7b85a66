"""Packs a portable model into script parameters: numbers as lists, trees as one string.

A script's text is limited in size, its parameters are not. A tree's node is three characters, which
the script reads as numbers without creating an object: see `source`.
"""

import struct
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from scoreback.connectors.elastic.native.source import GIVEN, LIMIT, ORDER, reading, scoring
from scoreback.connectors.json.flatten import spellings
from scoreback.portable.model import Linear, PortableFeature, PortableModel, Trees
from scoreback.portable.reading import TIMES

MOST_NODES = 150_000  # of all trees together: more than 1 MB in the memory of every node
MOST_PARTS = 6  # dots in a field's name: the ways to write it double with each
# Here surrogates begin, which JSON cannot hold alone. If all are below 256, as with XGBoost's own
# bins, Java keeps the string with one byte each.
_HIGHEST = 0xD7FF
_TIMED = ("hour_of_day", "day_of_week")


class Times(NamedTuple):
    """The fields with an event's own time and its arrival time."""

    time: str
    arrival: str


class Script(NamedTuple):
    """The text of one script processor and its parameters."""

    source: str
    params: Mapping[str, object]


def too_much(model: PortableModel) -> tuple[str, ...]:
    """Why a cluster cannot score with *model*, a clause each; empty if it can."""
    found = []
    for feature in model.features:
        if any(name.count(".") >= MOST_PARTS for name in (feature.field, feature.divisor or "")):
            found.append(
                f"{feature.name!r} reads a field with more than {MOST_PARTS} parts in its name,"
                " which events can write in too many ways"
            )
        if any(map(_sorted_otherwise, feature.vocabulary or ())):
            found.append(f"{feature.name!r} knows lists of texts that Java sorts differently")
    if model.trees is not None:
        found += _too_large(model.trees, len(model.features))
    return tuple(found)


def scripts(model: PortableModel, times: Times) -> list[Script]:
    """The scripts that score with *model*, in order; the last one writes the score.

    If a model's features need more text than a script may have, earlier scripts compute some of
    them.
    """
    linear = model.linear is not None
    firsts = all(f.take == "first" for f in model.features if f.kind in ("number", "ratio"))
    kinds = [kind for kind in ORDER if any(f.kind == kind for f in model.features)]
    last, moved, before = kinds, list[str](), list[list[str]]()
    while len(scoring(last, linear=linear, firsts=firsts)) > LIMIT:
        own = [kind for kind in last if kind != GIVEN]
        moved.insert(0, own[-1])
        before = _packed(moved, firsts=firsts)
        last = [*own[:-1], GIVEN]
    found = [
        Script(reading(some, firsts=firsts), _fields_and_columns(model, some, times, kept=True))
        for some in before
    ]
    params = _fields_and_columns(model, last, times, kept=False)
    params["intercept"] = model.intercept
    if model.trees is not None:
        params |= _packed_trees(model.trees, len(model.features))
    elif model.linear is not None:
        params |= _terms(model.linear)
    return [*found, Script(scoring(last, linear=linear, firsts=firsts), params)]


def _packed(kinds: Sequence[str], *, firsts: bool) -> list[list[str]]:
    """*kinds* in as few scripts as they fit into, each kind in the first script with room."""
    found = list[list[str]]()
    for kind in kinds:
        for some in found:
            if len(reading([*some, kind], firsts=firsts)) <= LIMIT:
                some.append(kind)
                break
        else:
            found.append([kind])
    return found


def _fields_and_columns(
    model: PortableModel, kinds: Sequence[str], times: Times, *, kept: bool
) -> dict[str, Any]:
    """Where a script looks for values, and the columns that it computes.

    A script whose columns are *kept* computes those of *kinds*; the last one computes all.
    """
    made = [f for f in model.features if f.kind in kinds]
    timed = any(f.kind in _TIMED for f in made)
    fields = [times.time, times.arrival] if timed else []  # their places are 0 and 1
    names = dict[str, int]()
    for feature in made:
        for name in filter(None, (feature.field, feature.divisor)):
            if name not in names and name not in TIMES:
                names[name] = len(fields)
                fields.append(name)
    columns = [
        _column(feature, names) | ({"c": place} if kept else {})
        if feature.kind in kinds
        else {"k": GIVEN, "f": 0, "c": place}
        for place, feature in enumerate(model.features)
        if feature.kind in kinds or not kept
    ]
    return {
        # Each column names a field, so there must be one.
        "fields": [[list(pointer) for pointer in spellings(name)] for name in fields] or [[]],
        "columns": columns,
    }


def _column(feature: PortableFeature, names: Mapping[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"k": feature.kind, "f": names.get(feature.field, 0)}
    match feature.kind:
        case "number":
            found |= {"t": feature.take}
        case "ratio":
            found |= {"t": feature.take, "d": names[feature.divisor or ""]}
        case "category":
            found |= {"v": dict(feature.vocabulary or {})}
        case "hour_of_day" | "day_of_week":
            found |= {"a": feature.field == "arrival_time"}
    return found


def _packed_trees(trees: Trees, width: int) -> dict[str, Any]:
    cuts = _cuts(trees, width)
    leaves, parts = list[float](), list[str]()
    for root, end in pairwise([*trees.roots, len(trees.left)]):
        order, depth = _adjacent(trees, root)
        place = {node: number for number, node in enumerate(order)}
        own = 0
        codes = list[int]()
        for node in order:
            left = trees.left[node]
            if left < 0:
                codes += [0, own, 0]
                own += 1
                leaves.append(_short(trees.worth[node]))
                continue
            feature, missing = trees.feature[node], trees.missing_left[node]
            right = trees.right[node]
            if place[right] != place[left] + 1:
                raise AssertionError("the children of a node are not adjacent")
            codes += [
                1 + 2 * feature + (not missing),
                bisect_left(cuts[feature], trees.threshold[node]),
                place[left] - place[node],
            ]
        if len(order) != end - root:
            raise ValueError("a tree has nodes that nothing leads to")
        parts += map(chr, [depth, len(order), own, *codes])
    return {"trees": "".join(parts), "cuts": cuts, "leaves": leaves}


def _adjacent(trees: Trees, root: int) -> tuple[list[int], int]:
    """The nodes of a tree, level by level, so that siblings are adjacent; and its depth."""
    order, level, depth = [root], [root], 0
    while True:
        level = [
            child
            for node in level
            if trees.left[node] >= 0
            for child in (trees.left[node], trees.right[node])
        ]
        if not level:
            return order, depth
        order += level
        depth += 1


def _cuts(trees: Trees, width: int) -> list[list[float]]:
    """The thresholds of each column, sorted and distinct."""
    found = [set[float]() for _ in range(width)]
    for feature, threshold, left in zip(trees.feature, trees.threshold, trees.left, strict=True):
        if left >= 0:
            found[feature].add(float(threshold) + 0.0)  # so that -0 is 0
    return [sorted(some) for some in found]


def _too_large(trees: Trees, width: int) -> list[str]:
    nodes = len(trees.left)
    if nodes > MOST_NODES:
        return [f"its trees have {nodes:,} nodes, and a cluster can hold {MOST_NODES:,} at most"]
    sizes = [end - root for root, end in pairwise([*trees.roots, nodes])]
    if max(sizes) > _HIGHEST:
        return [f"one of its trees has {max(sizes):,} nodes; the maximum is {_HIGHEST:,}"]
    if max(map(len, _cuts(trees, width))) >= _HIGHEST:
        return [f"it compares a feature with more than {_HIGHEST:,} thresholds"]
    return []


def _short(leaf: float) -> float:
    """The number with the fewest digits that equals *leaf* in single precision."""
    stored = struct.pack("<f", leaf)
    for digits in range(6, 10):
        found = float(f"{leaf:.{digits}g}")
        if struct.pack("<f", found) == stored:
            return found
    return leaf


def _terms(linear: Linear) -> dict[str, Any]:
    terms = [
        {"mean": t.mean, "scale": t.scale, "slope": t.slope, "missing": t.missing,
         "rate": t.missing_rate}
        for t in linear.terms
    ]  # fmt: skip
    return {"terms": terms, "farthest": linear.farthest}


def _sorted_otherwise(known: str) -> bool:
    """Whether Java, which sorts by UTF-16 code units, may sort a list's texts differently."""
    return (
        ", " in known and any(s > "\uffff" for s in known)
        and any("\ue000" <= s <= "\uffff" for s in known)
    )  # fmt: skip
