"""Which units below the threshold a person is asked to review: more where attacks are likelier.

Only alerted units get a verdict, so alerts alone cannot show what was missed. An audit shows a few
other units a day. They are sampled by stratum of score: half of a day's audits are spread evenly
over the strata, so that every stratum is seen; the other half go where they narrow the estimate
most (Neyman's allocation: units times the standard deviation of "is an attack" among them).

A hash of its id decides whether a unit is sampled, so every run samples the same units. If more are
sampled than the cap of a day allows, the first of them are audited.
"""

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.bins import levels_of
from scoreback.models.learners.model import Floats

_STRATA = 5
_DRAWN_SHARE = 0.8  # of the cap, on average, so that chance rarely fills it before the day ends
_LEAST_BELIEF = 1e-6


def stratum_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    """The edges between strata of scores: some of the bins' *edges*, finer towards the top.

    Args:
        edges: bin edges of a version's score histograms, strictly ascending.
    """
    places = {int(len(edges) * part) for part in (0.4, 0.65, 0.75, 0.85)}
    return tuple(edges[place] for place in sorted(places) if place < len(edges))[: _STRATA - 1]


def expected_strata(edges: tuple[float, ...], cut_at: tuple[float, ...]) -> tuple[Floats, Floats]:
    """What the model expects of each stratum: the share of all units, and of attacks among them.

    Args:
        edges: bin edges of a version's score histograms.
        cut_at: those edges that separate strata.

    Returns:
        Shares of all units, and the score in the middle of each stratum; for the highest stratum
        the score where it begins, because its upper part raises alerts.
    """
    level = dict(zip(edges, levels_of(edges), strict=True))
    bounds = np.array([0.0, *(level[edge] for edge in cut_at), 1.0])
    scores = np.array([0.0, *cut_at])
    middles = np.append((scores[:-1] + scores[1:]) / 2, scores[-1])
    return np.diff(bounds), middles


def strata_of(scores: Floats, edges: tuple[float, ...]) -> NDArray[np.int64]:
    """The stratum of each of *scores*; 0 is the lowest."""
    return np.searchsorted(np.asarray(edges), scores, side="right").astype(np.int64)


def chances(per_day: Floats, believed: Floats, audits: float) -> Floats:
    """The chance of a unit in each stratum to be sampled.

    Args:
        per_day: expected units a day below the threshold, by stratum.
        believed: the share of attacks among them according to the model, by stratum.
        audits: how many units a team reviews in a day.

    Returns:
        A chance for each stratum, 0 if no units are expected.
    """
    wanted = audits * _DRAWN_SHARE
    there = per_day > 0
    belief = np.clip(believed, _LEAST_BELIEF, 1 - _LEAST_BELIEF)
    weights = np.where(there, per_day * np.sqrt(belief * (1 - belief)), 0.0)
    found = np.zeros(len(per_day))
    for share, by in ((wanted / 2, there.astype(float)), (wanted / 2, weights)):
        found += _spread(share, by, per_day - found)
    return np.divide(found, per_day, out=np.zeros(len(per_day)), where=there)


def audited(
    times: NDArray[np.int64], drawn: Floats, chance: Floats, room: int
) -> NDArray[np.bool_]:
    """Which units are audited.

    Args:
        times: the time by which each unit counts, microseconds.
        drawn: a uniform number in [0, 1) for each unit, from its id.
        chance: each unit's chance to be sampled.
        room: how many more audits the day may have.
    """
    found = np.zeros(len(times), dtype=bool)
    able = np.flatnonzero(drawn < chance)
    found[able[np.lexsort((drawn[able], times[able]))][: max(room, 0)]] = True
    return found


def _spread(amount: float, weights: Floats, most: Floats) -> Floats:
    """Distribute *amount* in proportion to *weights*, nowhere above *most*."""
    found = np.zeros(len(weights))
    open_to = weights > 0
    for _ in range(len(weights)):
        left = amount - found.sum()
        if left <= 0 or not open_to.any():
            break
        share = np.where(open_to, weights, 0.0)
        found = np.minimum(found + left * share / share.sum(), np.maximum(most, 0.0))
        open_to &= found < most
    return found
