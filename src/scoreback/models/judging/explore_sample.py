"""Which of what only a shadow would show is shown: a part of the budget, each by a known chance.

Nobody labels what nobody sees. So a few of the units that a shadow would open an alert for, and
the champion would not, are shown as alerts. The candidates of a day are taken as they are counted,
in blocks of equal length, and one place of each block is drawn for the detector, day and block. So
each candidate has the same chance, whichever runs it is cut into, and no day shows more than its
part.

A part of an alert a day is carried over days by chance: with 0.5 a day, every other day, as drawn,
has one.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.sampling import draws

_SALT = "explore"
_DIGITS = 9  # of a part of the budget: a tenth of 30 is 3


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a detector's budget that goes to what only a shadow would show."""

    detector: str
    alerts: float  # a day, on average

    def on(self, day: int) -> int:
        """How many of the day that begins then, in microseconds."""
        whole, rest = self._split()
        return whole + int(rest > 0 and _draw(self.detector, str(day)) < rest)

    def chance(self, number: int, expected: int) -> float:
        """By which chance the candidate of that *number*, from 0 on, of a day is shown.

        Args:
            number: its place among the candidates of its day.
            expected: how many candidates that day is expected to have, at least 1; those beyond
                have no chance where all of the part was given to those before.
        """
        whole, rest = self._split()
        chances = ((whole, 1 - rest), (whole + 1, rest))
        return sum(
            share / _length(slots, expected)
            for slots, share in chances
            if slots and number < slots * _length(slots, expected)
        )

    def takes(self, number: int, day: int, expected: int) -> bool:
        """Whether the candidate of that *number* of the *day* is drawn; see `chance`."""
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
    """Alerts of each day that the champion's threshold leaves to what only a shadow would show."""

    part: Part | None = None  # None: nothing is explored any more
    shown: tuple[tuple[int, int], ...] = ()  # then, by where a day begins, what was explored on it

    def on(self, day: int) -> int:
        """How many of the day that begins then, in microseconds."""
        return dict(self.shown).get(day, 0) if self.part is None else self.part.on(day)


def candidates_of(
    opens: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    times: NDArray[np.int64],
    ids: pa.ChunkedArray,
) -> NDArray[np.int64]:
    """Places of units that a shadow opens an alert for and nobody has *seen*, as they are counted.

    Args:
        opens: whether the shadow would open an alert for it; shape (units,).
        seen: whether the champion shows it, alone or with others; likewise.
        times: by which it is counted, microseconds; likewise.
        ids: of the units.
    """
    places = np.flatnonzero(opens & ~seen)
    order = np.lexsort((draws(ids.take(pa.array(places)), _SALT), times[places]))
    return places[order]


def _length(slots: int, expected: int) -> int:
    """How many candidates one slot of a day stands for."""
    return max(math.ceil(expected / slots), 1)


def _draw(detector: str, text: str) -> float:
    return float(draws(pa.array([text]), f"{_SALT}/{detector}")[0])
