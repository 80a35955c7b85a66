"""What a ranking shows at a given number of alerts: the fair way to compare candidates.

Two candidates at their own thresholds show different numbers of alerts, and the one that shows more
finds more. So each gives its best units, as many as open the same number of alerts after cap and
throttle. A running detector paces its budget within the day, so this is also, as closely as a block
of days can tell, what a team would be shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.threshold import ScoredUnits, openings
from scoreback.suppression import Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The best units of a block."""

    opened: NDArray[np.int64]  # positions of units that open an alert, ascending
    hits: NDArray[np.bool_]  # units that open an alert or join one; shape (units,)
    lowest: float  # lowest score among them; infinite without any
    all_fit: bool  # whether every unit with a score is among them


def volume(budget: float, days: float) -> int:
    """How many alerts *budget* a day allows over *days*; at least one."""
    return max(round(budget * days), 1)


def best_units(
    units: ScoredUnits, most: int, rule: Suppression, *, seed: int, whole: bool = False
) -> Shown:
    """The best of *units*, as many as open at most *most* alerts.

    Seeded draws order units of equal score, as in pacing, so a score that many units share is
    neither left out nor taken as a whole. Fewer hits never open more alerts, so bisection finds
    the last unit that fits.

    Args:
        units: in order of event time.
        most: alerts; see `volume`.
        rule: cap and throttle.
        seed: of the draws.
        whole: take all units of equal score or none, as a rule on that score would.
    """
    draws = np.random.default_rng(seed).random(len(units.scores))
    able = np.flatnonzero(units.scores > -np.inf)
    best = able[np.lexsort((draws[able], -units.scores[able]))]

    def opened(taken: int) -> NDArray[np.int64]:
        hits = np.sort(best[:taken])
        return np.asarray(hits[openings(units.times[hits], units.entities[hits], rule)])

    fits, over = 0, min(most, len(best))  # each unit opens one alert at most
    while over > fits and len(opened(over)) <= most:
        fits, over = over, min(over * 2, len(best))
    while over - fits > 1:
        middle = (fits + over) // 2
        if len(opened(middle)) <= most:
            fits = middle
        else:
            over = middle
    if whole and fits < len(best) and units.scores[best[fits]] == units.scores[best[fits - 1]]:
        fits = int((units.scores[best] > units.scores[best[fits]]).sum())
    hits = np.zeros(len(units.scores), dtype=bool)
    hits[best[:fits]] = True
    return Shown(
        opened=opened(fits),
        hits=hits,
        lowest=float(units.scores[best[fits - 1]]) if fits else np.inf,
        all_fit=fits == len(best),
    )
