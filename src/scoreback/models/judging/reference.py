"""The training data as counts: the distributions that later data are compared with.

Training divides each column (the scores, each feature, the entity) into a few bins. Later rows are
counted in the same bins; counts add up over runs, so drift does not need the events again. The
reference also holds what is usual: how far short blocks of the training window were from the whole,
by the same measures. A feature that follows the hour of the day is far from its distribution in
every block, and that must not be reported as drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.labels.dataset import is_category

Counts = NDArray[np.int64]
Kind = Literal["number", "text", "category", "digested"]

BLOCK = 100  # rows; fewer say little about ten bins
LONGER = 3  # each block size is so many times the one before; longer blocks are nearer the whole
BLOCKS = 20  # of each size, in the later half of the window; the earlier half tells what is new
KNOWN = 2_000  # kept values of a category: the most frequent ones
KNOWN_ENTITIES = 10_000
_TOP = 9  # values that have their own bin
_DIGEST = 8  # hex digits of a digest
_DECILES = tuple(n / 10 for n in range(1, 10))
# A refitted model may score the same units differently by this much log-odds; at most this share of
# scores may lie so near an edge, or the refit alone would look like another population.
_ANEW, _NEAR = 0.35, 0.3
_CLEAR = 1e-9  # least distance of a score from 0 and 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How far blocks of *rows* consecutive rows were, at most, from the whole training window."""

    rows: int
    psi: float = 0.0
    missing: float = 0.0  # share, 0..1
    unseen: float = 0.0  # share not seen before, 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column's bins, the training counts in them, and the usual distances of blocks.

    Bins of numbers lie between *edges*; texts are counted by their length. A category has one bin
    for each of the first ``top`` values of *known*, one for the other known values, and one for
    unknown values. The last bin of each column is for missing values.

    For a *digested* category, the only kind made today, *known* holds short digests of the values,
    so that the file does not list hosts and users. Older files hold the values themselves.
    """

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    known: tuple[str, ...] = ()
    top: int = 0
    expected: tuple[int, ...]
    usual: tuple[Usual, ...] = ()  # by rows; empty if the window was too short

    def usual_of(self, rows: int) -> Usual:
        """What is usual for this number of *rows*: for the longest blocks that are not longer."""
        shorter = [usual for usual in self.usual if usual.rows <= rows]
        return shorter[-1] if shorter else next(iter(self.usual), Usual(rows=0))

    @property
    def of_values(self) -> bool:
        """Whether the column has known values and can recognise new ones; else it has edges."""
        return self.kind in ("category", "digested")

    @property
    def bins(self) -> int:
        """The number of bins."""
        return self.top + 3 if self.of_values else len(self.edges) + 2

    @property
    def median(self) -> float | None:
        """The median of numbers, rounded down to an edge; None if it lies below all edges."""
        known = np.cumsum(self.expected[:-1])
        if self.kind != "number" or not known[-1]:
            return None
        place = int(np.searchsorted(known, known[-1] / 2))
        return self.edges[place - 1] if place else None

    def population(self, counts: Counts) -> Counts:
        """*counts* for a comparison by PSI: unknown values are added to the other rare values.

        The window that the known values come from has hardly any unknown ones, so new values are
        judged separately and not by PSI.
        """
        if not self.of_values:
            return counts
        return np.concatenate([counts[:-3], [counts[-3] + counts[-2]], counts[-1:]])

    def counted(self, values: pa.Array) -> Counts:
        """How many of *values* lie in each bin; shape (bins,)."""
        found: Counts = np.bincount(self.codes(values), minlength=self.bins)
        return found

    def codes(self, values: pa.Array) -> NDArray[np.int64]:
        """The bin of each of *values*; shape (n,)."""
        values = _typed(values, self.kind)
        if self.of_values:
            known = pa.array(self.known, pa.string())
            place = pc.fill_null(pc.index_in(values, value_set=known), len(known)).to_numpy()
            codes: Counts = np.minimum(place, self.top).astype(np.int64)
            codes[place == len(known)] = self.top + 1
        else:
            numbers = _numbers(values, self.kind)
            places = np.searchsorted(np.asarray(self.edges), numbers, side="right")
            codes = places.astype(np.int64)
            codes[np.isnan(numbers)] = self.bins - 1
        if values.null_count:
            codes[values.is_null().to_numpy(zero_copy_only=False)] = self.bins - 1
        return codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The distributions of a model's training data: its scores, features and entity."""

    scores: Column
    entity: Column
    features: tuple[Column, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, with distinct names: no feature has the names of scores and entity."""
        return (self.scores, self.entity, *self.features)

    def counted(
        self, rows: pa.Table, scores: NDArray[np.float64], entity: str
    ) -> dict[str, Counts]:
        """Counts per column: of feature *rows*, their *scores*, and the column *entity*."""
        found = {
            self.scores.name: self.scores.counted(pa.array(scores)),
            self.entity.name: self.entity.counted(flat(rows[entity])),
        }
        return found | {c.name: c.counted(flat(rows[c.name])) for c in self.features}


SCORES, ENTITY = "(scores)", "(entity)"


def reference_of(
    features: Sequence[EventFeature | WindowFeature],
    rows: pa.Table,
    entities: pa.Array,
    scores: NDArray[np.float64],
) -> Reference:
    """The reference of a training.

    Args:
        features: of the model.
        rows: its feature columns over the whole window, by time.
        entities: the entity of each of *rows*.
        scores: of units that the model did not learn from, by time.
    """
    return Reference(
        scores=_scores(scores),
        entity=_category(ENTITY, entities, KNOWN_ENTITIES, top=0),
        features=tuple(_feature(f, flat(rows.column(f.name))) for f in features),
    )


def psi(expected: Sequence[int] | Counts, counts: Sequence[int] | Counts) -> float:
    """Population stability index between two counts of the same bins; at least 0.

    By convention, below 0.1 is the same population and above 0.25 another one. Half a row is added
    to each bin, so that an empty bin counts, but not as infinitely far.
    """
    pairs = [np.asarray(c, dtype=np.float64) + 0.5 for c in (expected, counts)]
    before, now = (pair / pair.sum() for pair in pairs)
    return float(np.sum((now - before) * np.log(now / before)))


def _feature(feature: EventFeature | WindowFeature, values: pa.Array) -> Column:
    if is_category(feature):
        return _category(feature.name, values, KNOWN, top=_TOP)
    return _numeric(feature.name, "text" if feature.kind == "ngrams" else "number", values)


def _numeric(name: str, kind: Kind, values: pa.Array) -> Column:
    numbers = _numbers(values, kind)
    present = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(present, _DECILES)) if len(present) else np.zeros(0)
    # A value on an edge lies above it, so an edge with nothing below it is dropped.
    edges = edges[edges > present.min()] if len(present) else edges
    column = Column(name=name, kind=kind, edges=tuple(edges.tolist()), expected=())
    return _with_usual(column, values)


def _scores(scores: NDArray[np.float64]) -> Column:
    """The scores, in quantile bins that a refit on the same events does not empty.

    Most units score low, often within a few thousandths of each other: edges there would separate
    a model from its refit instead of one network from another.
    """
    known = np.sort(_log_odds(scores[~np.isnan(scores)]))
    edges: list[float] = []
    if len(known):
        deciles = np.quantile(known, _DECILES)
        beside = 1.2 * _ANEW  # so that the decile itself does not count as near
        for edge in np.unique(np.concatenate([deciles - beside, deciles, deciles + beside])):
            begin, end = np.searchsorted(known, (edge - _ANEW, edge + _ANEW))
            apart = not edges or edge - edges[-1] >= 2 * _ANEW
            if apart and end - begin <= _NEAR * len(known):
                edges.append(float(edge))
    cut = 1 / (1 + np.exp(-np.asarray(edges)))
    column = Column(name=SCORES, kind="number", edges=tuple(cut.tolist()), expected=())
    return _with_usual(column, pa.array(scores))


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    clear = np.clip(scores, _CLEAR, 1 - _CLEAR)
    found: NDArray[np.float64] = np.log(clear / (1 - clear))
    return found


def _category(name: str, values: pa.Array, known: int, *, top: int) -> Column:
    digested = _typed(values, "digested")
    frequent = _most_frequent(digested, known)
    column = Column(
        name=name, kind="digested", known=frequent, expected=(), top=min(top, len(frequent))
    )
    earlier = _most_frequent(digested[: len(values) // 2], known)
    return _with_usual(column, values, earlier)


def _with_usual(column: Column, values: pa.Array, earlier: tuple[str, ...] = ()) -> Column:
    """*column* with the counts of all *values*, and what is usual in blocks of their later half."""
    codes = column.codes(values)
    expected = np.bincount(codes, minlength=column.bins)
    new = np.zeros(len(codes), dtype=bool)
    if column.of_values:
        was_there = pc.is_in(_typed(values, column.kind), value_set=pa.array(earlier, pa.string()))
        new = ~was_there.to_numpy(zero_copy_only=False) & (codes != column.bins - 1)
    usual, size = [], min(BLOCK, len(codes) // 4)
    while 0 < size <= len(codes) // 4:
        usual.append(_usual(column, expected, codes, new, size))
        size *= LONGER
    return replace(column, expected=tuple(expected.tolist()), usual=tuple(usual))


def _usual(
    column: Column, expected: Counts, codes: Counts, new: NDArray[np.bool_], size: int
) -> Usual:
    far = missing = unseen = 0.0
    starts = np.linspace(len(codes) // 2, len(codes) - size, BLOCKS).astype(np.int64)
    for start in np.unique(starts).tolist():
        block = np.bincount(codes[start : start + size], minlength=column.bins)
        far = max(far, psi(column.population(expected), column.population(block)))
        missing = max(missing, float(block[-1]) / size)
        unseen = max(unseen, float(new[start : start + size].mean()))
    return Usual(rows=size, psi=round(far, 6), missing=round(missing, 6), unseen=round(unseen, 6))


def _most_frequent(values: pa.Array, limit: int) -> tuple[str, ...]:
    """The most frequent values; ties by name."""
    counted = pc.value_counts(values.drop_null())
    table = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
    order = table.sort_by([("count", "descending"), ("value", "ascending")]).slice(0, limit)
    return tuple(order["value"].to_pylist())


def _numbers(values: pa.Array, kind: Kind) -> NDArray[np.float64]:
    typed = _typed(values, kind)
    column = pc.utf8_length(typed) if kind == "text" else typed
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    found: NDArray[np.float64] = np.where(np.isinf(numbers), np.nan, numbers)
    return found


def _typed(values: pa.Array, kind: Kind) -> pa.Array:
    """*values* cast to the type of their kind, as a column of nulls may have no type."""
    if kind == "digested":
        return _digested(values.cast(pa.string()))
    return values.cast(pa.float64() if kind == "number" else pa.string())


def _digested(values: pa.Array) -> pa.Array:
    """32 bits of a digest of each of *values*: enough to recognise a new value, and no more.

    With 10,000 known values, one new value in 400,000 is taken for a known one.
    """
    coded = values.dictionary_encode()
    known = (sha256(text.encode()).hexdigest()[:_DIGEST] for text in coded.dictionary.to_pylist())
    return pa.array(known, pa.string()).take(coded.indices)
