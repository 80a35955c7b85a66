"""How much a field of the sample alone tells about the label, to choose fields and notice leaks.

The measure is the uncertainty coefficient (Theil's U): the share of the label's entropy that
knowing the field removes. Shares of positives come from every other stretch of rows, and are judged
on the stretches in between, so that neither chance in a field with many values nor one burst of
equal rows makes a field look good.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.detector.profile import Field

DISGUISE = 0.95  # a field that tells more is the label under another name
ONLY = 0.98  # share of positives among rows with a field, from which only positives have it
_STRETCHES = 20  # stretches of rows, in order of time
_BINS, _A_BIN = 100, 100  # bins of a number, at most; rows of each, at least
_SMOOTHING = 1.0  # rows of the overall share that are mixed into each value's share
_LEAST = 20  # with fewer rows, nothing is told
_ONE_EACH = 0.98  # share of events with a number greater than that of the event before

Truth = NDArray[np.int8]  # of each row of the sample: 1, 0, or -1 if unknown


def told_by(field: Field, truth: Truth) -> float:
    """The share of the label's entropy that *field* removes, 0 to 1; missing is a value."""
    known = truth >= 0
    codes, mine = _codes(field)[known], truth[known]
    if len(mine) < 2 * _STRETCHES:
        return 0.0
    judge = np.arange(len(mine)) * _STRETCHES // len(mine) % 2 == 1
    fit = ~judge
    share = float(mine[fit].mean())
    if not 0 < share < 1 or not 0 < mine[judge].mean() < 1:
        return 0.0
    places = int(codes.max()) + 1
    seen = np.bincount(codes[fit], minlength=places)
    positive = np.bincount(codes[fit], weights=mine[fit], minlength=places)
    own = (positive + _SMOOTHING * share) / (seen + _SMOOTHING)
    entropy = _loss(np.full(int(judge.sum()), mine[judge].mean()), mine[judge])
    return max(0.0, 1 - _loss(own[codes[judge]], mine[judge]) / entropy)


def only_positives_have(field: Field, truth: Truth) -> bool:
    """Whether practically only positives have *field*."""
    there = pc.is_valid(field.texts).to_numpy(zero_copy_only=False) & (truth >= 0)
    rest = (truth >= 0) & ~there
    if there.sum() < _LEAST or rest.sum() < _LEAST:
        return False
    return bool((truth[there] == 1).mean() >= ONLY and (truth[rest] == 1).mean() < ONLY / 2)


def fills_a_time(field: Field) -> bool:
    """Whether each value belongs to one span of time, as names of files or batches do."""
    codes = pc.drop_null(field.texts).dictionary_encode().indices.to_numpy()
    changes = int((codes[1:] != codes[:-1]).sum())
    return field.distinct > 1 and field.repeats >= _LEAST and changes < field.distinct


def counts_up(field: Field) -> bool:
    """Whether *field* is a whole number that grows, or shrinks, from event to event: a row's."""
    if field.kind != "number" or field.distinct < max(_ONE_EACH * field.present, _LEAST):
        return False
    numbers = pc.drop_null(_numbers(pc.drop_null(field.texts)))
    steps = np.diff(pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False))
    one_way = max((steps > 0).mean(), (steps < 0).mean()) if len(steps) else 0.0
    return bool(one_way >= _ONE_EACH and (steps % 1 == 0).all())


def _codes(field: Field) -> NDArray[np.int64]:
    """A code for each row: of its value or, for numbers, of its bin; the last one means missing."""
    if field.kind == "number" and field.distinct > _BINS:
        numbers = pc.cast(_numbers(field.texts), pa.float64()).to_numpy(zero_copy_only=False)
        bins = min(_BINS, max(len(numbers) // _A_BIN, 2))
        edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]))
        codes = np.searchsorted(edges, numbers, side="right")
        return np.where(np.isnan(numbers), len(edges) + 1, codes).astype(np.int64)
    coded = field.texts.dictionary_encode()
    missing = len(coded.dictionary)
    return np.asarray(pc.fill_null(coded.indices, missing).to_numpy(), dtype=np.int64)


def _numbers(texts: pa.Array) -> pa.Array:
    looks = pc.match_substring_regex(texts, r"^[+-]?[0-9]*[.]?[0-9]+([eE][+-]?[0-9]+)?$")
    bare = pc.replace_substring_regex(texts, r"^[+]", "")
    return pc.if_else(pc.fill_null(looks, False), bare, pa.scalar(None, pa.string()))


def _loss(share: NDArray[np.float64], truth: Truth) -> float:
    clear = np.clip(share, 1e-6, 1 - 1e-6)
    return float(-np.where(truth == 1, np.log(clear), np.log(1 - clear)).mean())
