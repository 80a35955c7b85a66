"""Compares the new model with the version that scores now, on equal days and numbers of alerts.

Only days that neither has learnt from are fair: the judged days after the end of the incumbent's
training data. If there are none, the models are not compared.

On those days analysts saw the incumbent's alerts, and hardly any that only the new model would have
raised. So the new model's alerts have fewer labels, and an alert without a label counts as false.
Unlabelled alerts are therefore counted, and a difference is certain only if they cannot reverse it.
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
    """The version that scores now; its artefact is None if it cannot be read."""

    version: str
    artifact: Artifact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Both models on the same days; without a comparison only *version* and *why_not* are set."""

    version: str  # the one that scores now
    why_not: str = ""  # why they are not compared; "" if they are
    since: str = ""  # first and last judged day
    until: str = ""
    days: float = 0.0
    alerts: int = 0  # of the new model
    true_alerts: int = 0
    unlabelled: int = 0  # alerts of the new model
    incumbent_alerts: int = 0
    incumbent_true_alerts: int = 0
    incumbent_unlabelled: int = 0
    average_precision: float | None = None
    incumbent_average_precision: float | None = None
    finds_more: bool = False  # the new model, beyond chance, whatever its unlabelled alerts are
    finds_fewer: bool = False


def beside(
    detector: Detector,
    data: Dataset,
    origins: Sequence[Origin],
    replays: Sequence[Replay],
    incumbent: Incumbent,
) -> Beside:
    """Compare the new model's *replays*, one for each of *origins*, with *incumbent*."""
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
    """Both models' scores on the *fair* rows of one block; *span* is their length."""
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
    """The number of true alerts, and of unjudged ones, which are unknown or presumed benign."""
    pairs = [(r.truth[one.opened], r.verdicts[one.opened]) for r, one in
             zip(replays, shown, strict=True)]  # fmt: skip
    true = sum(int((truth == 1).sum()) for truth, _ in pairs)
    unjudged = sum(
        int(((truth != 1) & (verdicts == NO_VERDICT)).sum()) for truth, verdicts in pairs
    )
    return true, unjudged
