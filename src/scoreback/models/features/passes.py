"""Features computed in one pass over a column: equal to a query's result at a fraction of its cost.

A query has to be planned for each batch, and its engine opened for each run. Features for which
Arrow or numpy has a kernel need neither. `scoreback.models.features.event_features` uses a query
for all others, and for columns of a type that the pass does not accept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.records import TIME
from scoreback.suppression import DAY_US
from scoreback.times import HOUR_US

_HOURS = 24
_THURSDAY = 3  # days after Monday; 1970 began on a Thursday

_PRIVATE = (
    r"^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2[0-9]|3[01])\.)"
    r"|^(::1$|[fF][cCdD][0-9a-fA-F]{0,2}:|[fF][eE][89abAB][0-9a-fA-F]?:)"
)
_ANY_IP = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$"


@dataclass(frozen=True, slots=True)
class Read:
    """A feature, with the columns of one batch that it reads."""

    kind: str
    field: str
    divisor: str | None
    pattern: str | None
    take: str


def passed(feature: Read, batch: pa.RecordBatch) -> pa.Array | None:
    """The column of *feature*; None if it needs a query."""
    one = _PASSES.get(feature.kind)
    return None if one is None else one(feature, batch)


def is_number(field: str, batch: pa.RecordBatch) -> bool:
    """Whether *field* came as numbers, because every feature reads it as one."""
    return bool(batch.schema.field(field).type == pa.float64())


def count_empty(texts: pa.Array) -> int:
    """How many of *texts* are empty."""
    return int(pc.sum(pc.equal(texts, "")).as_py() or 0)


def _text(feature: Read, batch: pa.RecordBatch) -> pa.Array:
    """The texts of the feature's field; an empty one is missing."""
    column = batch.column(feature.field)
    return pc.if_else(pc.equal(column, ""), None, column) if count_empty(column) else column


def _number(feature: Read, batch: pa.RecordBatch) -> pa.Array | None:
    if not is_number(feature.field, batch):
        return None
    column = batch.column(feature.field)
    return column if pc.all(pc.is_finite(column)).as_py() is not False else None


def _ratio(feature: Read, batch: pa.RecordBatch) -> pa.Array | None:
    names = (feature.field, feature.divisor or "")
    if not all(is_number(name, batch) for name in names):
        return None
    above, below = (batch.column(name).to_numpy(zero_copy_only=False) for name in names)
    usable = np.isfinite(above) & np.isfinite(below) & (below != 0)  # missing is NaN here
    with np.errstate(over="ignore"):
        found = np.divide(above, below, out=np.zeros(len(above)), where=usable)
    return pa.array(found, mask=~usable)


def _length(feature: Read, batch: pa.RecordBatch) -> pa.Array:
    return pc.utf8_length(_text(feature, batch)).cast(pa.float64())


def _digits(feature: Read, batch: pa.RecordBatch) -> pa.Array:
    """The digits 0 to 9 in each text; in UTF-8 no other character contains a digit's byte."""
    texts = batch.column(feature.field)
    if not len(texts):
        return pa.array([], pa.float64())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    text = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    digit = np.zeros(len(text) + 1, np.bool_)  # one more: the last text may be empty
    np.less(text - ord("0"), 10, out=digit[:-1])  # bytes below "0" wrap around
    counts = np.add.reduceat(digit, ends[:-1] - ends[0], dtype=np.int32)  # empty texts: undefined
    missing = pc.equal(pc.fill_null(texts, ""), "").to_numpy(zero_copy_only=False)
    return pa.array(counts.astype(np.float64), mask=missing)


def _hour_of_day(feature: Read, batch: pa.RecordBatch) -> pa.Array | None:
    return _of_time(feature, batch, lambda times: times // HOUR_US % _HOURS)


def _day_of_week(feature: Read, batch: pa.RecordBatch) -> pa.Array | None:
    return _of_time(feature, batch, lambda times: (times // DAY_US + _THURSDAY) % 7 + 1)


def _of_time(
    feature: Read, batch: pa.RecordBatch, change: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> pa.Array | None:
    """Apply *change* to the event time or arrival time in microseconds since 1970."""
    column = batch.column(feature.field)
    if column.type != TIME:
        return None  # a time as text, in any format
    return pa.array(change(column.cast(pa.int64()).to_numpy()).astype(np.float64))


def _is_private_ip(feature: Read, batch: pa.RecordBatch) -> pa.Array:
    coded = _text(feature, batch).dictionary_encode()  # many events, few distinct addresses
    addresses = coded.dictionary
    private = pc.match_substring_regex(addresses, _PRIVATE).cast(pa.int8()).cast(pa.float64())
    known = pc.if_else(pc.match_substring_regex(addresses, _ANY_IP), private, None)
    return known.take(coded.indices)


_PASSES: Mapping[str, Callable[[Read, pa.RecordBatch], pa.Array | None]] = MappingProxyType(
    {
        "number": _number, "category": _text, "ratio": _ratio, "length": _length,
        "digits": _digits, "hour_of_day": _hour_of_day, "day_of_week": _day_of_week,
        "is_private_ip": _is_private_ip,
    }
)  # fmt: skip
