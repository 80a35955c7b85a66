"""Which units that only a shadow alerts on are shown: part of the budget, with known chances.

Nobody labels what nobody sees. So a few of the units for which a shadow would open an alert, but
the champion would not, are shown as alerts. The candidates of a day are numbered in the order in
which they count and divided into blocks of equal length; a draw by detector, day and block picks
one place in each block. So each candidate has the same chance however the runs are timed, and no
day shows more than its part of the budget.

A fraction of an alert a day is decided by chance: with 0.5 a day, about every other day has one.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.sampling import draws

_SALT = "explore"
_DIGITS = 9  # decimals of a part of the budget, so that a tenth of 30 is exactly 3


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a detector's budget that goes to units that only a shadow alerts on."""

    detector: str
    alerts: float  # a day, on average

    def on(self, day: int) -> int:
        """The number of alerts on the day that begins at *day*, in microseconds."""
        whole, rest = self._split()
        return whole + int(rest > 0 and _draw(self.detector, str(day)) < rest)

    def chance(self, number: int, expected: int) -> float:
        """The chance that a candidate is shown.

        Args:
            number: its place among the candidates of its day, from 0 on.
            expected: how many candidates that day is expected to have, at least 1; candidates
                beyond that number have no chance if those before fill all blocks.
        """
        whole, rest = self._split()
        chances = ((whole, 1 - rest), (whole + 1, rest))
        return sum(
            share / _length(slots, expected)
            for slots, share in chances
            if slots and number < slots * _length(slots, expected)
        )

    def takes(self, number: int, day: int, expected: int) -> bool:
        """Whether the candidate with this *number* on *day* is drawn; see `chance`."""
        slots = self.on(day)
        if not slots:
            return False
        length = _length(slots, expected)
        block, place = divmod(number, length)
        drawn = int(_draw(self.detector, f"{day}/{block}") * length)
        return block < slots and place == drawn

    def _split(self) -> tuple[int, float]:
        alerts = round(self.alerts, _DIGITS)
        whole = math.floor(alerts)
        return whole, round(alerts - whole, _DIGITS)


@dataclass(frozen=True, slots=True)
class Spared:
    """Alerts of each day's budget that go to units that only a shadow alerts on."""

    part: Part | None = None  # None: exploring has ended
    shown: tuple[tuple[int, int], ...] = ()  # in that case, (start of a day, alerts explored on it)

    def on(self, day: int) -> int:
        """The number of alerts on the day that begins at *day*, in microseconds."""
        return dict(self.shown).get(day, 0) if self.part is None else self.part.on(day)


def candidates_of(
    opens: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    times: NDArray[np.int64],
    ids: pa.ChunkedArray,
) -> NDArray[np.int64]:
    """Positions of the units for which only a shadow would open an alert, in counting order.

    Args:
        opens: whether the shadow would open an alert for each unit; shape (units,).
        seen: whether the champion shows it, alone or within another alert; same shape.
        times: the time by which it counts, microseconds; same shape.
        ids: the units' ids; same shape.
    """
    places = np.flatnonzero(opens & ~seen)
    order = np.lexsort((draws(ids.take(pa.array(places)), _SALT), times[places]))
    return places[order]


def _length(slots: int, expected: int) -> int:
    """How many candidates share one slot of a day."""
    return max(math.ceil(expected / slots), 1)


def _draw(detector: str, text: str) -> float:
    return float(draws(pa.array([text]), f"{_SALT}/{detector}")[0])
