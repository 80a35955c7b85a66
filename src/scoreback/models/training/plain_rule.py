"""The cheap rivals as rules that a team can deploy at once, without a model.

A rule takes all units with a value or none. So if the budget allows only some of the units that
share a value, the rule shows fewer alerts than the budget, and candidates are compared with it at
that number.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.equal_volume import Shown, best_units, volume
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.threshold import suppression_of
from scoreback.models.labels.dataset import Dataset, is_category
from scoreback.models.training.candidates import BASELINE, CHEAP, Candidates
from scoreback.models.training.splits import Origin

_MOST_VALUES = 5  # of a category to name


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRule:
    """One cheap rival as a rule on the judged days."""

    words: str  # as of the latest block; "" if no value fits into the budget as a whole
    alerts: int
    true_alerts: int
    against: Mapping[str, int]  # each candidate's true alerts at the same number of alerts


def plain_rules(
    detector: Detector,
    data: Dataset,
    origin: Origin,
    candidates: Candidates,
    said: Mapping[str, Sequence[Replay]],
) -> Mapping[str, PlainRule]:
    """Each cheap rival in *said* as a rule, worded as of the latest *origin*."""
    rule, seed, budget = suppression_of(detector), detector.train.seed, detector.alerts.budget

    def true_alerts(replays: Sequence[Replay], most: Sequence[int]) -> int:
        shown = (
            best_units(r.after, count, rule, seed=seed)
            for r, count in zip(replays, most, strict=True)
        )
        return sum(_true(r, s) for r, s in zip(replays, shown, strict=True))

    found = {}
    for name in CHEAP:
        if name not in said:
            continue
        whole = [
            best_units(r.after, volume(budget, r.after.days), rule, seed=seed, whole=True)
            for r in said[name]
        ]
        counts = [len(shown.opened) for shown in whole]
        single = name == BASELINE
        found[name] = PlainRule(
            words=_single(data, origin, candidates, whole[-1])
            if single
            else _queue(detector, whole[-1]),
            alerts=sum(counts),
            true_alerts=sum(_true(r, s) for r, s in zip(said[name], whole, strict=True)),
            against={
                other: true_alerts(replays, counts)
                for other, replays in said.items()
                if other not in CHEAP
            },
        )
    return found


def _true(replay: Replay, shown: Shown) -> int:
    return int((replay.truth[shown.opened] == 1).sum())


def _queue(detector: Detector, best: Shown) -> str:
    return f"{detector.train.today_queue} >= {best.lowest:g}" if best.hits.any() else ""


def _single(data: Dataset, origin: Origin, candidates: Candidates, best: Shown) -> str:
    single = candidates.single
    if not single.sign or not best.hits.any():
        return ""
    feature = candidates.encoder.features[single.index]
    if not is_category(feature):
        return f"{feature.name} {'>=' if single.sign > 0 else '<='} {single.sign * best.lowest:g}"
    rows = np.flatnonzero(origin.judged)[best.hits]
    column = flat(data.features.column(single.index)).take(pa.array(rows))
    counts = Counter(column.drop_null().to_pylist())
    named = [repr(value) for value, _ in sorted(counts.items(), key=lambda v: (-v[1], v[0]))]
    more = f" or one of {len(named) - _MOST_VALUES} more" if len(named) > _MOST_VALUES else ""
    return f"{feature.name} is {' or '.join(named[:_MOST_VALUES])}{more}"
