"""The content of a page of search hits, whichever decoder read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_US_OF_MS, _NS_OF_US = 1_000, 1_000
_EXACT = pa.decimal128(25, 6)  # milliseconds with nanoseconds as decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The events of one answer, in the answer's order."""

    ids: pa.Array
    refs: pa.Array  # index, or index, sequence number and primary term
    time: pa.Array  # microseconds, int64; null where a document has no time
    arrival: pa.Array
    columns: Mapping[str, pa.Array]  # text, or float64 for a number; null where missing
    pit: str
    after: list[Any] | None  # where the next page begins; None: this was the last one
    without_source: bool  # some document came without its source


def micros_of(milliseconds: pa.Array) -> pa.Array:
    """Doc values in milliseconds, possibly with decimals, as microseconds.

    Finer times are truncated, never rounded: a rounded event would leave the window in which it is
    found without reaching the next one.
    """
    try:
        return pc.multiply(milliseconds.cast(pa.int64()), _US_OF_MS)
    except pa.ArrowInvalid:
        exact = milliseconds.cast(_EXACT)
    nanos = np.frombuffer(exact.buffers()[1], np.int64)[::2]  # the lower half of 128 bits
    return pa.array(nanos // _NS_OF_US, mask=pc.is_null(exact).to_numpy(zero_copy_only=False))


def text_of_time(micros: pa.Array) -> pa.Array:
    """Times as the server writes dates: ``2024-05-01T00:00:00.000Z``."""
    exact = pc.all(pc.equal(micros, pc.multiply(pc.divide(micros, _US_OF_MS), _US_OF_MS))).as_py()
    unit = "ms" if exact is not False else "us"
    times = micros.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))
    return pc.strftime(times, format="%Y-%m-%dT%H:%M:%SZ")


def micros_of_text(texts: pa.Array, unit: int) -> pa.Array:
    """Times in ISO 8601 with their zone as microseconds, truncated to *unit*.

    Raises:
        ValueError: a text is not such a time.
    """
    try:
        exact, of_unit = texts.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), unit
    except pa.ArrowInvalid:
        exact, of_unit = texts.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()), unit * _NS_OF_US
    floors = np.floor_divide(pc.fill_null(exact, 0).to_numpy(), of_unit) * unit
    return pa.array(floors, mask=pc.is_null(exact).to_numpy(zero_copy_only=False))
