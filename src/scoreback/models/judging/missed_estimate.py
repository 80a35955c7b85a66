"""Estimates the attacks that no alert showed, from verdicts on alerts and on audited units.

Each stratum of score has a number of units, some of which were audited. The number of attacks among
the audited units is binomial; the interval of a sum over strata comes from random draws. The draws
for each limit err on its side (Beta(k, n-k+1) below and Beta(k+1, n-k) above, the distributions
whose quantiles are Clopper and Pearson's limits), so that the interval covers at least as often as
it claims, however rare attacks are. Method: M. P. Fay, M. A. Proschan, E. Brittain, "Combining
one-sample confidence procedures for inference in the two-sample case", Biometrics 71 (2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoreback.models.judging.intervals import CONFIDENCE
from scoreback.models.learners.model import Floats

_DRAWS = 4000
_WIDEST = 0.5  # a team cannot act on a wider interval of recall


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Units of one kind, how many of them people reviewed, and what they found."""

    units: int
    looked_at: int
    attacks: int  # among those reviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Attacks that no alert showed, and the share that was shown, with 90 % intervals."""

    attacks: float
    attacks_between: tuple[float, float]
    recall: float | None  # None: no attack is known
    recall_between: tuple[float, float]

    @property
    def useful(self) -> bool:
        """Whether the interval is narrow enough to act on."""
        low, high = self.recall_between
        return self.recall is not None and high - low <= _WIDEST


def missed_attacks(alerts: Looked, strata: Sequence[Looked], *, seed: int = 7) -> Missed:
    """Estimate attacks below the threshold from audits.

    Args:
        alerts: units that were shown as alerts.
        strata: all other units by score; the reviewed ones are a uniform sample of each stratum.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)
    shown = _attacks(alerts)
    attacks = sum(map(_attacks, strata))
    shown_low, shown_high = (_drawn(draw, alerts, above=above) for above in (False, True))
    low, high = (
        sum((_drawn(draw, one, above=above) for one in strata), np.zeros(_DRAWS))
        for above in (False, True)
    )
    tail = (1 - CONFIDENCE) / 2
    return Missed(
        attacks=attacks,
        attacks_between=(_quantile(low, tail), _quantile(high, 1 - tail)),
        recall=shown / (shown + attacks) if shown + attacks else None,
        recall_between=(
            _quantile(_share(shown_low, high), tail),
            _quantile(_share(shown_high, low), 1 - tail),
        ),
    )


def _attacks(of: Looked) -> float:
    return of.units * of.attacks / of.looked_at if of.looked_at else 0.0


def _drawn(draw: np.random.Generator, of: Looked, *, above: bool) -> Floats:
    """Draws of the number of attacks; the attacks found are certain, only the rest is drawn."""
    quiet = of.looked_at - of.attacks
    first, second = (of.attacks + 1, quiet) if above else (of.attacks, quiet + 1)
    if first == 0:
        share = np.zeros(_DRAWS)
    elif second == 0:
        share = np.ones(_DRAWS)
    else:
        share = draw.beta(first, second, _DRAWS)
    return of.attacks + (of.units - of.looked_at) * share


def _share(shown: Floats, missed: Floats) -> Floats:
    whole = shown + missed
    return np.divide(shown, whole, out=np.ones(len(whole)), where=whole > 0)


def _quantile(values: Floats, level: float) -> float:
    return float(np.quantile(values, level))
