"""Sums of trees for many rows at once: each row is one bit in large integers.

A tree's question is then one "and" for all rows, and leaves are added as hardware adders do.
Python's time goes into steps, not rows, so this pays off from some thousand rows on, and nothing
has to be compiled. Leaves are integers here, so sums are exact.

The idea is bit-slicing (Biham, A Fast New DES Implementation in Software, 1997); the bit
transposition is Warren's (Hacker's Delight, 7-3).
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import accumulate, repeat
from math import isnan
from operator import itemgetter, or_
from typing import NamedTuple

from .model import Trees

_BYTE = 8
_SUM_BITS = 63  # maximum bits of a sum


class _Question(NamedTuple):
    """What splits the rows at a node."""

    column: int
    rank: int  # numbers with at most this many thresholds at or below them are below the threshold
    missing_left: bool


class _Tree(NamedTuple):
    """One tree, with nodes counted from its root."""

    nodes: int
    asks: list[tuple[int, int, int, int]]  # node, its children, its question
    # for each bit, the leaves that have it set
    bits: list[Callable[[Sequence[int]], Sequence[int]] | None]


class BitwiseTrees:
    """Sums of integer leaves over all trees."""

    def __init__(self, trees: Trees, place: Sequence[int], leaves: Sequence[int]) -> None:
        """Prepare *trees*: *place* is each node's column, *leaves* each leaf's integer value."""
        asking = [node for node, left in enumerate(trees.left) if left >= 0]
        seen: list[set[float]] = [
            set() for _ in range(max((place[n] for n in asking), default=-1) + 1)
        ]
        for node in asking:
            seen[place[node]].add(trees.threshold[node])
        self._thresholds = [sorted(each) for each in seen]
        ranks = [{t: rank for rank, t in enumerate(each)} for each in self._thresholds]
        questions: dict[_Question, int] = {}
        self._trees: list[_Tree] = []
        self._base = 0
        for root, end in zip(trees.roots, [*trees.roots[1:], len(trees.left)]):
            asks = []
            for node in range(root, end):
                left, right = trees.left[node], trees.right[node]
                if left >= 0:
                    column, missing = place[node], bool(trees.missing_left[node])
                    asked = _Question(column, ranks[column][trees.threshold[node]], missing)
                    number = questions.setdefault(asked, len(questions))
                    asks.append((node - root, left - root, right - root, number))
            ends = [node for node in range(root, end) if trees.left[node] < 0]
            least = min(leaves[node] for node in ends)
            self._base += least
            worth = {node - root: leaves[node] - least for node in ends}
            self._trees.append(_Tree(end - root, asks, _by_bit(worth)))
        self._questions = list(questions)
        self._least_missing = {each.column for each in questions if each.missing_left}

    def sums(self, columns: Sequence[Sequence[float]], count: int) -> list[int]:
        """The sum for each of *count* rows; *columns* are those that the places refer to."""
        turned = _Turned(count)
        every = (1 << count) - 1
        below, missing = [], []
        for column, (numbers, thresholds) in enumerate(zip(columns, self._thresholds)):
            below.append(_below(numbers, thresholds, turned, every))
            missing.append(_missing(numbers, turned) if column in self._least_missing else 0)
        left = [
            below[each.column][each.rank] | (missing[each.column] if each.missing_left else 0)
            for each in self._questions
        ]
        total: list[int] = []
        for tree in self._trees:
            total = _added(total, _leaves(tree, left, every))
        return turned.numbers(total, self._base)


class _Turned:
    """Turns the numbers of rows into bits of all rows, and back."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._words = -(-count // _BYTE)
        self._masks = [
            (shift, int.from_bytes(mask.to_bytes(_BYTE, "little") * self._words, "little"))
            for shift, mask in (
                (7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0),
            )
        ]  # fmt: skip

    def bits(self, numbers: Iterable[int], width: int) -> list[int]:
        """The bits of *width*-bit numbers, one number per row: first the lowest bit of all rows."""
        if width <= _BYTE:
            parts = [bytes(numbers)]
        else:
            wide = array("L", numbers)
            if sys.byteorder == "big":
                wide.byteswap()
            held = wide.tobytes()
            parts = [held[k :: wide.itemsize] for k in range(-(-width // _BYTE))]
        found = []
        for part in parts:
            turned = self._turn(part)
            found += [int.from_bytes(turned[k::_BYTE], "little") for k in range(_BYTE)]
        return found[:width]

    def numbers(self, bits: Sequence[int], base: int) -> list[int]:
        """*base* plus each row's number, given as *bits*: first the lowest bit of all rows."""
        size = self._words * _BYTE
        held = bytearray(size * 8)
        for start in range(0, len(bits), _BYTE):
            part = bytearray(size)
            for k, plane in enumerate(bits[start : start + _BYTE]):
                part[k::_BYTE] = plane.to_bytes(self._words, "little")
            held[start // _BYTE :: 8] = self._turn(part)
        found = array("q")
        found.frombytes(bytes(held))
        if sys.byteorder == "big":
            found.byteswap()
        return [base + each for each in found[: self._count]]

    def _turn(self, rows: bytes | bytearray) -> bytes:
        """Transpose each block of eight bytes as an 8 by 8 bit matrix; this is its own inverse."""
        bits = int.from_bytes(rows, "little")
        for shift, mask in self._masks:
            changed = (bits ^ (bits >> shift)) & mask
            bits ^= changed ^ (changed << shift)
        return bits.to_bytes(self._words * _BYTE, "little")


def _below(
    numbers: Sequence[float], thresholds: Sequence[float], turned: _Turned, every: int
) -> list[int]:
    """The rows below each of the ascending *thresholds*; a missing number is below none."""
    ranks = map(bisect_right, repeat(thresholds), numbers)
    groups = [every]  # the rows by the highest bits of their rank
    for bit in reversed(turned.bits(ranks, len(thresholds).bit_length())):
        groups = [half for g in groups for ones in (g & bit,) for half in (g ^ ones, ones)]
    return list(accumulate(groups, or_))


def _missing(numbers: Sequence[float], turned: _Turned) -> int:
    total = sum(numbers)
    return turned.bits(map(isnan, numbers), 1)[0] if total != total else 0


def _leaves(tree: _Tree, left: Sequence[int], every: int) -> list[int]:
    """What the tree gives to the rows as bits: first the lowest bit of all rows."""
    at = [0] * tree.nodes
    at[0] = every
    for node, yes, no, question in tree.asks:
        rows = at[node]
        at[yes] = gone = rows & left[question]
        at[no] = rows ^ gone
    return [reduce(or_, pick(at)) if pick else 0 for pick in tree.bits]


def _added(one: list[int], other: list[int]) -> list[int]:
    """The sums of two numbers for each row, all rows at once, with a carry from bit to bit."""
    if len(one) < len(other):
        one, other = other, one
    made, carry = [], 0
    for place, a in enumerate(one):
        if place < len(other):
            b = other[place]
            differ = a ^ b
            made.append(differ ^ carry)
            carry = (a & b) | (differ & carry)
        elif carry:
            made.append(a ^ carry)
            carry &= a
        else:
            return made + one[place:]
    return [*made, carry] if carry else made


def _by_bit(worth: dict[int, int]) -> list[Callable[[Sequence[int]], Sequence[int]] | None]:
    """For each bit of the leaves' numbers, lowest first: what picks the leaves that have it set."""
    made: list[Callable[[Sequence[int]], Sequence[int]] | None] = []
    for bit in range(max(worth.values()).bit_length()):
        having = [leaf for leaf, number in worth.items() if number >> bit & 1]
        made.append(itemgetter(*having, having[-1]) if having else None)
    return made
