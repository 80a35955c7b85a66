"""How a figure holds over time, in one number."""

from collections.abc import Iterable

import numpy as np


def area_under_time(values: Iterable[float | None]) -> float | None:
    """Mean height of *values*, one for each of equal spans of time, by trapezoids.

    AUT of Pendlebury et al., "TESSERACT" (USENIX Security 2019). Spans without a value are left
    out; a single one is itself.
    """
    found = [value for value in values if value is not None]
    if len(found) < 2:
        return found[0] if found else None
    return float(np.trapezoid(found) / (len(found) - 1))
