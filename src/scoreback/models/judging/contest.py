"""Whether one candidate does better than another, or than chance, on the judged days.

Candidates are compared on the same resamples of the judged units, so the effect of a hard day or a
busy host, which is the same for all, cancels in their difference. Units are resampled in two ways:
all units of one entity on one day together, and one by one. The first way is blind with few
entities, the second with cases of many events; a difference counts only if both ways show it. In
average precision each case has the same weight (`cases_of`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.cases import cases_of, thinned
from scoreback.models.judging.equal_volume import Shown
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.threshold import ScoredUnits, days_of
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.model import Floats

LEVEL = 0.05  # chance that a difference by chance alone is taken for a real one
LEANING = 0.25  # the same if there are too few cases to be sure
ENOUGH = 50  # positive cases; with fewer, only large differences go beyond chance
CHANCE = 0.01  # the same for a candidate against random labels; lower, as several candidates try
_RESAMPLES = 200  # for each way
_DEALS = 500
_OF_A_CASE = 20  # evenly spaced units that represent a whole case
_LEAST_RANKED, _MOST_RANKED = 10_000, 60_000  # bounds for ranked units: twice a block's positives
_MOST_DEALT = 2_000  # positives; more do not change what chance can give
_Weights = NDArray[np.int16]  # shape (resamples, units): how often each unit was drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Figures of each candidate over the same resamples; arrays have shape (2, resamples)."""

    true_alerts: Mapping[str, Floats]
    average_precision: Mapping[str, Floats]
    ranking: Mapping[str, float]  # average precision without resampling
    positive_cases: int

    @classmethod
    def of(
        cls,
        said: Mapping[str, Sequence[Replay]],
        shown: Mapping[str, Sequence[Shown]],
        seed: int,
    ) -> "Contest":
        """Resample each candidate's scores (*said*) and alerts (*shown*, equally many for all)."""
        blocks = len(next(iter(said.values())))
        zeros = {name: np.zeros((2, _RESAMPLES)) for name in said}
        true = {name: zero.copy() for name, zero in zeros.items()}
        ranked = {name: zero.copy() for name, zero in zeros.items()}
        positives = np.zeros((2, _RESAMPLES))
        whole, weight_of_all = dict.fromkeys(said, 0.0), 0.0
        for i in range(blocks):
            of_block = {name: replays[i] for name, replays in said.items()}
            truth = next(iter(of_block.values())).truth
            opened = {name: parts[i].opened for name, parts in shown.items()}
            any_of = next(iter(of_block.values())).after
            labelled = np.flatnonzero(truth != UNKNOWN)
            case = cases_of(any_of.times[labelled], any_of.entities[labelled], truth[labelled])
            some, share = thinned(case, _OF_A_CASE)
            kept = labelled[some]
            hits = {name: o[truth[o] == 1] for name, o in opened.items()}
            worth = np.unique(np.concatenate([kept, *hits.values()]))
            place = np.searchsorted(worth, kept)
            high = {
                name: _ranked_high(replay.after.scores[kept], truth[kept])
                for name, replay in of_block.items()
            }
            positive = truth[kept] == 1
            weight_of_all += float(share[positive].sum())
            for name, replay in of_block.items():
                own = high[name]
                once = np.ones((1, len(own)), dtype=np.int16)
                scores = replay.after.scores[kept[own]]
                whole[name] += float(_precisions(positive[own], scores, once, share[own])[0])
            for way, weights in enumerate(_drawn(any_of, worth, (seed, i))):
                positives[way] += weights[:, place[positive]] @ share[positive]
                for name, replay in of_block.items():
                    alerting = np.searchsorted(worth, hits[name])
                    true[name][way] += weights[:, alerting].sum(axis=1)
                    own = high[name]
                    ranked[name][way] += _precisions(
                        positive[own],
                        replay.after.scores[kept[own]],
                        weights[:, place[own]],
                        share[own],
                    )
        weight = np.where(positives > 0, positives, 1)
        return cls(
            true_alerts=true,
            average_precision={name: sums / weight for name, sums in ranked.items()},
            positive_cases=round(weight_of_all),
            ranking={name: found / max(weight_of_all, 1.0) for name, found in whole.items()},
        )

    def finds_more(self, one: str, other: str) -> bool:
        """Whether *one* has more true alerts than *other* beyond chance."""
        return _beyond(self.true_alerts[one], self.true_alerts[other])

    def ranks_better(self, one: str, other: str) -> bool:
        """Whether *one* has a higher average precision than *other* beyond chance."""
        return _beyond(self.average_precision[one], self.average_precision[other])

    def leans_to(self, one: str, other: str) -> bool:
        """Whether *one* seems to rank better and there are too few cases to be sure."""
        return self.positive_cases < ENOUGH and self.seems_better(one, other)

    def seems_better(self, one: str, other: str) -> bool:
        """Whether *one* ranks better in three of four resamples: enough to choose by."""
        return _beyond(self.average_precision[one], self.average_precision[other], LEANING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """Figures that random labels among the labelled cases exceed only once in a hundred times.

    *average_precision* is that of cases; None without positives.
    """

    true_alerts: float
    usual_true_alerts: float  # the mean over all deals
    tells: bool  # whether true alerts can show that a ranking is better than chance
    average_precision: float | None


def dealt(replays: Sequence[Replay], shown: Sequence[Shown], seed: int) -> Dealt:
    """The most that chance would give a candidate with these *replays* and *shown* alerts.

    After cap and throttle, alerts are only a few of an entity's many events, so the random labels
    are dealt to cases instead of events.
    """
    draw = np.random.default_rng(seed)
    true, ranked, weight, most = np.zeros(_DEALS), np.zeros(_DEALS), 0, 0
    for replay, best in zip(replays, shown, strict=True):
        labelled = np.flatnonzero(replay.truth != UNKNOWN)
        truth, units = replay.truth[labelled], replay.after
        case = cases_of(units.times[labelled], units.entities[labelled], truth)
        count, positives = len(np.unique(case)), len(np.unique(case[truth == 1]))
        alerts = min(int((replay.truth[best.opened] != UNKNOWN).sum()), count)
        most += min(positives, alerts)
        true += draw.hypergeometric(positives, count - positives, alerts, _DEALS)
        if positives:
            ranked += positives * _dealt_precisions(draw, count, positives)
            weight += positives
    highest = float(np.quantile(true, 1 - CHANCE))
    return Dealt(
        true_alerts=highest,
        usual_true_alerts=float(true.mean()),
        tells=highest < most and not all(best.all_fit for best in shown),
        average_precision=float(np.quantile(ranked / weight, 1 - CHANCE)) if weight else None,
    )


def _dealt_precisions(draw: np.random.Generator, count: int, positives: int) -> Floats:
    shrunk = max(positives / _MOST_DEALT, 1.0)
    count, positives = max(round(count / shrunk), 1), round(positives / shrunk)
    found = np.arange(1, positives + 1)
    return np.array(
        [
            (found / (np.sort(draw.choice(count, positives, replace=False)) + 1)).mean()
            for _ in range(_DEALS)
        ]
    )


def _beyond(one: Floats, other: Floats, level: float = LEVEL) -> bool:
    return bool((np.quantile(one - other, level, axis=1) > 0).all())


def _ranked_high(scores: Floats, truth: NDArray[np.int8]) -> NDArray[np.int64]:
    """Positions of the units that *scores* rank high; units further down decide nothing."""
    most = min(max(2 * int((truth == 1).sum()), _LEAST_RANKED), _MOST_RANKED)
    if len(scores) <= most:
        return np.arange(len(scores))
    return np.sort(np.argpartition(-scores, most)[:most])


def _drawn(
    units: ScoredUnits, worth: NDArray[np.int64], seed: tuple[int, int]
) -> tuple[_Weights, _Weights]:
    """How often each unit at *worth* is drawn: with its entity's whole day, and on its own."""
    draw = np.random.default_rng(seed)
    entities = units.entities[worth]
    absent = entities < 0  # each is an entity of its own
    entities = np.where(absent, -1 - np.arange(len(entities)), entities)
    cases = np.stack([days_of(units.times[worth]), entities])
    case = np.unique(cases, axis=1, return_inverse=True)[1].ravel()
    grouped = np.empty((_RESAMPLES, len(worth)), dtype=np.int16)
    alone = np.empty((_RESAMPLES, len(worth)), dtype=np.int16)
    for i in range(_RESAMPLES):
        grouped[i] = _times(draw, case)
        alone[i] = draw.poisson(1.0, len(worth))
    return grouped, alone


def _times(draw: np.random.Generator, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    count = int(groups.max(initial=-1)) + 1
    times = np.bincount(draw.integers(0, max(count, 1), count), minlength=count)
    return np.asarray(times[groups], dtype=np.int64)


def _precisions(
    positive: NDArray[np.bool_], scores: Floats, weights: _Weights, share: Floats
) -> Floats:
    """Average precision in each resample, times its weight of positives. Shape (resamples,)."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    found = np.zeros(len(weights))
    for i, drawn in enumerate(weights if len(ranked) else ()):
        own = drawn[order] * share[order]
        hits, seen = np.cumsum(own * positive[order])[ends], np.cumsum(own)[ends]
        some = seen > 0
        found[i] = (np.diff(hits, prepend=0)[some] * hits[some] / seen[some]).sum()
    return found
