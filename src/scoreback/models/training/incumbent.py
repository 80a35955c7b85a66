"""The new model beside the version that scores now: the same days, the same number of alerts.

Only days that neither has learnt from are fair. The version that scores learnt up to some moment,
so what came after it is left of the judged days; where that is nothing, nothing is claimed.

On those days analysts looked at what the version that scores showed them, and hardly at what only
the new one would have shown: its alerts have fewer labels, and without one an alert counts as
false. So alerts without a label are counted, and a difference is sure only where they cannot turn
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.contest import Contest
from scoreback.models.judging.equal_volume import Shown, best_units, volume
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.threshold import ScoredUnits, suppression_of
from scoreback.models.labels.dataset import Dataset, Mask, day_of
from scoreback.models.labels.truths import NO_VERDICT
from scoreback.models.learners.model import Floats
from scoreback.models.learners.ranking import mean_average_precision
from scoreback.models.training.lessons import rows_of
from scoreback.models.training.splits import Origin
from scoreback.times import micros

_NEW, _OLD = "new", "old"


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The version that scores now; its artefact is None where it cannot be read."""

    version: str
    artifact: Artifact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Both on the same days; all but *version* and *why_not* are nothing where none is fair."""

    version: str  # that scores now
    why_not: str = ""  # why they are not compared; "" where they are
    since: str = ""  # first and last judged day
    until: str = ""
    days: float = 0.0
    alerts: int = 0  # of the new one
    true_alerts: int = 0
    unlabelled: int = 0  # of its alerts
    incumbent_alerts: int = 0
    incumbent_true_alerts: int = 0
    incumbent_unlabelled: int = 0
    average_precision: float | None = None
    incumbent_average_precision: float | None = None
    finds_more: bool = False  # the new one, beyond chance, whatever alerts without a label are
    finds_fewer: bool = False


def beside(
    detector: Detector,
    data: Dataset,
    origins: Sequence[Origin],
    replays: Sequence[Replay],
    incumbent: Incumbent,
) -> Beside:
    """Set what the new model said in *replays*, one for each of *origins*, beside *incumbent*."""
    artifact, version = incumbent.artifact, incumbent.version
    if artifact is None:
        return Beside(version=version, why_not="its model cannot be read")
    manifest = artifact.manifest
    known = {feature.name: feature for feature in detector.features}
    same = all(known.get(feature.name) == feature for feature in manifest.features)
    if not same or artifact.lag != detector.lag or manifest.unit != detector.unit:
        return Beside(
            version=version, why_not="it reads other features than the detector file names now"
        )
    pairs = []
    for origin, replay in zip(origins, replays, strict=True):
        fair = data.times[origin.judged] > micros(manifest.data.until)
        if fair.any():
            margins = artifact.model.margin(
                artifact.encoder.transform(rows_of(data, _of(origin.judged, fair)))
            )
            since = max(origin.judged_span.since, micros(manifest.data.until) + 1)
            span = timedelta(microseconds=origin.judged_span.until - since)
            pairs.append(_both(replay, fair, span, margins))
    if not pairs:
        return Beside(version=version, why_not="it has learnt from all of the judged days")
    return _compared(detector, version, pairs)


def _of(judged: Mask, fair: Mask) -> Mask:
    found = judged.copy()
    found[judged] = fair
    return found


def _both(replay: Replay, fair: Mask, span: timedelta, margins: Floats) -> dict[str, Replay]:
    """What both say of the *fair* rows of one block, which are *span* long."""
    units = ScoredUnits(
        times=replay.after.times[fair],
        entities=replay.after.entities[fair],
        scores=replay.after.scores[fair],
        span=span,
    )
    new = Replay(after=units, truth=replay.truth[fair], verdicts=replay.verdicts[fair])
    return {_NEW: new, _OLD: replace(new, after=replace(units, scores=margins))}


def _compared(detector: Detector, version: str, pairs: Sequence[dict[str, Replay]]) -> Beside:
    rule, seed, budget = suppression_of(detector), detector.train.seed, detector.alerts.budget
    said = {name: [pair[name] for pair in pairs] for name in (_NEW, _OLD)}
    shown = {
        name: [best_units(r.after, volume(budget, r.after.days), rule, seed=seed) for r in replays]
        for name, replays in said.items()
    }
    contest = Contest.of(said, shown, seed)
    times = np.concatenate([replay.after.times for replay in said[_NEW]])
    ranking = {n: mean_average_precision(r.labelled() for r in said[n]) for n in said}
    counted = {name: _counted(said[name], shown[name]) for name in said}
    true = {name: counts[0] for name, counts in counted.items()}
    open_ = {name: counts[1] for name, counts in counted.items()}
    return Beside(
        version=version,
        since=day_of(int(times.min())),
        until=day_of(int(times.max())),
        days=sum(replay.after.days for replay in said[_NEW]),
        alerts=sum(len(one.opened) for one in shown[_NEW]),
        true_alerts=true[_NEW],
        unlabelled=open_[_NEW],
        incumbent_alerts=sum(len(one.opened) for one in shown[_OLD]),
        incumbent_true_alerts=true[_OLD],
        incumbent_unlabelled=open_[_OLD],
        average_precision=ranking[_NEW],
        incumbent_average_precision=ranking[_OLD],
        finds_more=contest.finds_more(_NEW, _OLD) and true[_NEW] > true[_OLD] + open_[_OLD],
        finds_fewer=contest.finds_more(_OLD, _NEW) and true[_OLD] > true[_NEW] + open_[_NEW],
    )


def _counted(replays: Sequence[Replay], shown: Sequence[Shown]) -> tuple[int, int]:
    """Alerts that were true, and those that nobody judged: they are presumed false, or unknown."""
    pairs = [(r.truth[one.opened], r.verdicts[one.opened]) for r, one in
             zip(replays, shown, strict=True)]  # fmt: skip
    true = sum(int((truth == 1).sum()) for truth, _ in pairs)
    unjudged = sum(
        int(((truth != 1) & (verdicts == NO_VERDICT)).sum()) for truth, verdicts in pairs
    )
    return true, unjudged
