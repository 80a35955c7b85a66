"""Finds feature leakage: fields whose presence or value is positive in nearly all of many rows.

How many of the positives a field gives away does not matter: a field that somebody fills in for six
of ten attacks, once they are known, spoils a model as surely as one that is filled in for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.labels.dataset import Dataset, Known
from scoreback.models.learners.ranking import average_precision

MANY = 20  # rows; fewer may all be positive by chance
NEARLY_ALL = 0.95  # share of these that must be positive
DISGUISE = 0.95  # average precision of one feature alone, where it is present
_LIFT = 4.0  # times fewer negatives than among all rows; matters if most rows are positive
_BY_CHANCE = 1e-6  # chance that so many random rows are all positive
_MOST_RANKED = 200_000  # evenly spaced rows; more do not change the ranking

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One field, and what about it gives the answer away."""

    feature: str
    what: str  # "is there", "is missing", "is 'x'", or "ranks nearly perfectly where it is there"
    cases: int  # labelled rows for which it holds
    positives: int  # positive ones among these

    def __str__(self) -> str:
        """In words, with its numbers."""
        return f"{self.feature} {self.what} ({self.positives:,} of {self.cases:,} positive)"


def leaks_of(data: Dataset, known: Known) -> tuple[tuple[Leak, ...], tuple[Leak, ...]]:
    """Leaks by presence, and leaks by value; each with the most positives first."""
    rows = known.truth >= 0
    positive = known.truth[rows] == 1
    by_presence: list[Leak] = []
    by_value: list[Leak] = []
    for name in data.features.column_names:
        column = flat(data.features.column(name)).filter(pa.array(rows))
        there = column.is_valid().to_numpy(zero_copy_only=False)
        found = list(_presence(name, there, positive))
        by_presence += found
        # If only attacks have a field, each of its values would repeat the same leak.
        if not found:
            by_value += _values(name, column, there, positive)
    return _most_first(by_presence), _most_first(by_value)


def _presence(name: str, there: Truths, positive: Truths) -> Iterator[Leak]:
    for what, shown in (("is there", there), ("is missing", ~there)):
        cases, hits = int(shown.sum()), int((shown & positive).sum())
        if _gives_away(cases, hits, positive):
            yield Leak(feature=name, what=what, cases=cases, positives=hits)


def _values(name: str, column: pa.Array, there: Truths, positive: Truths) -> Iterator[Leak]:
    truth = positive[there]
    text = pa.types.is_string(column.type)
    coded = column.drop_null().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    cases = np.bincount(codes, minlength=len(coded.dictionary))
    hits = np.bincount(codes[truth], minlength=len(coded.dictionary))
    for code in np.flatnonzero(cases >= MANY).tolist():
        if _gives_away(int(cases[code]), int(hits[code]), positive):
            value = coded.dictionary[code].as_py()
            yield Leak(
                feature=name, what=f"is {value!r}" if text else f"is {value:g}",
                cases=int(cases[code]), positives=int(hits[code]),
            )  # fmt: skip
    if text or truth.sum() < MANY or truth.all():
        return
    step = -(-len(truth) // _MOST_RANKED)
    numbers = pc.fill_null(column.drop_null(), 0.0).to_numpy()[::step]
    precision = max(average_precision(truth[::step].astype(np.int8), s * numbers) for s in (1, -1))
    if precision >= DISGUISE and _rare(1 - precision, positive):
        yield Leak(
            feature=name, what="ranks nearly perfectly where it is there",
            cases=len(truth), positives=int(truth.sum()),
        )  # fmt: skip


def _gives_away(cases: int, hits: int, positive: Truths) -> bool:
    if cases < MANY or hits < NEARLY_ALL * cases or not _rare(1 - hits / cases, positive):
        return False
    return bool(positive.mean() ** hits < _BY_CHANCE)


def _rare(wrong: float, positive: Truths) -> bool:
    """Whether a share of negatives is far below that of all rows."""
    return wrong * _LIFT <= 1 - float(positive.mean())


def _most_first(found: list[Leak]) -> tuple[Leak, ...]:
    return tuple(sorted(found, key=lambda leak: (-leak.positives, leak.feature, leak.what)))
