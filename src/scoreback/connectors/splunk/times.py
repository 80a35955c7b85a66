"""Times as Splunk writes them: seconds since 1970, with decimals."""

from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.times import micros, moment

_MICROSECOND = Decimal("0.000001")


def epoch(when: datetime) -> str:
    """*when* as text with six decimals."""
    return f"{micros(when) * _MICROSECOND:.6f}"


def parsed(seconds: object) -> datetime:
    """The time at *seconds* since 1970, a number or text; exact to a microsecond."""
    return moment(round(Decimal(str(seconds)) / _MICROSECOND))


def epochs(times: pa.ChunkedArray | pa.Array) -> pa.Array:
    """*times* as decimal numbers, which are written out exactly."""
    whole = flat(times).cast(pa.int64()).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(_MICROSECOND, pa.decimal128(7, 6)))


def microseconds(seconds: pa.Array) -> pa.Array:
    """The texts *seconds* as whole microseconds; null where one is not a number.

    A float resolves microseconds until the year 2106, and is ten times as fast as a decimal.
    """
    return pc.round(pc.multiply(numbers(seconds), 1e6)).cast(pa.int64())


def numbers(texts: pa.Array) -> pa.Array:
    """*texts* as finite floats; null where one is not a number."""
    try:
        found = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        found = pa.array([_number(text) for text in texts.to_pylist()], pa.float64())
    return pc.if_else(pc.is_finite(found), found, None)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return np.nan
