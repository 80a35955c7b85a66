"""How well a figure holds up over time, in one number."""

from collections.abc import Iterable

import numpy as np


def area_under_time(values: Iterable[float | None]) -> float | None:
    """Mean height of *values* by the trapezoidal rule; each value is for an equal span of time.

    AUT of Pendlebury et al., "TESSERACT" (USENIX Security 2019). Spans without a value are left
    out; a single value is returned unchanged.
    """
    found = [value for value in values if value is not None]
    if len(found) < 2:
        return found[0] if found else None
    return float(np.trapezoid(found) / (len(found) - 1))
