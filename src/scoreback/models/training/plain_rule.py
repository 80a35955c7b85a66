"""The best single feature as a rule that a team can deploy at once, without any model."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.equal_volume import Shown
from scoreback.models.labels.dataset import Dataset, is_category
from scoreback.models.training.candidates import BASELINE, TODAY_QUEUE, Candidates
from scoreback.models.training.splits import Origin

_MOST_VALUES = 5  # of a category that are named


def plain_rules(
    detector: Detector,
    data: Dataset,
    origin: Origin,
    candidates: Candidates,
    shown: Mapping[str, Sequence[Shown]],
) -> Mapping[str, str]:
    """What each cheap rival has *shown* at *origin*, the latest, in words; "" where nothing."""
    rules = {BASELINE: _single(data, origin, candidates, shown[BASELINE][-1])}
    if TODAY_QUEUE in shown:
        rules[TODAY_QUEUE] = f"{detector.train.today_queue} >= {shown[TODAY_QUEUE][-1].lowest:g}"
    return rules


def _single(data: Dataset, origin: Origin, candidates: Candidates, best: Shown) -> str:
    single = candidates.single
    if not single.sign or not best.hits.any():
        return ""
    feature = candidates.encoder.features[single.index]
    column = flat(data.features.column(single.index).filter(pa.array(origin.judged)))
    if not is_category(feature):
        return f"{feature.name} {'>=' if single.sign > 0 else '<='} {single.sign * best.lowest:g}"
    counts = Counter(column.filter(pa.array(best.hits)).drop_null().to_pylist())
    named = [repr(value) for value, _ in sorted(counts.items(), key=lambda v: (-v[1], v[0]))]
    more = f" or one of {len(named) - _MOST_VALUES} more" if len(named) > _MOST_VALUES else ""
    return f"{feature.name} is {' or '.join(named[:_MOST_VALUES])}{more}"
