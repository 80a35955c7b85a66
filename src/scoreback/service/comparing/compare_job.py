"""Compares a shadow with the champion, and with cheap rivals, on the units that both have scored.

Events of that time are read again with the labels that exist by now, and both artefacts score
every unit: the same feature rows give the same scores as when they were scored live.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from scoreback.errors import DataError, TrainingRefused
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.paired import Paired, paired, shown_daily
from scoreback.models.judging.threshold import days_of, suppression_of
from scoreback.models.labels.dataset import Dataset, known_at
from scoreback.models.learners.model import Floats
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.comparing.covered import Covered
from scoreback.service.comparing.shown_chances import shown_chances
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.training.account import read_account
from scoreback.service.training.train_job import TrainingData, read_training_data

CHAMPION, QUEUE, SINGLE = "champion", "today_queue", "best_single_feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A shadow beside each rival, on the same units at the same number of alerts a day."""

    covered: timedelta  # arrival time that both versions have scored
    units: int
    against: Mapping[str, Paired]  # by rival
    missing: Mapping[str, str]  # rivals that could not be compared, and why


def compare(
    app: App,
    detector: Detector,
    champion: ModelVersion,
    shadow: ModelVersion,
    covered: Covered,
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Compare *shadow* with *champion* on what is *covered*, with the labels of *now*.

    Args:
        app: the open workspace.
        detector: the detector as it is in force.
        champion: the version that scores.
        shadow: the version beside it.
        covered: what both have scored; must not be empty.
        now: the current time.
        progress: called with the number of events read.

    Raises:
        ArtifactError: one of them is damaged, or was trained for other features.
        TrainingRefused: those events do not fit into the memory that training may use.
        SiemUnavailable: the SIEM did not answer.
    """
    scorers = {
        CHAMPION: Scorer(load_artifact(app, detector, champion)),
        _OURS: Scorer(load_artifact(app, detector, shadow)),
    }
    try:
        data, labels = _units(app, detector, covered, now, progress)
    except TrainingRefused:
        raise
    except DataError:  # nothing arrived
        return Comparison(covered=covered.total, units=0, against={}, missing={})
    judged = np.flatnonzero(covered.holds(data.arrivals))
    known = known_at(data, labels, _as_labelled_now(detector, covered, now), now)
    rows = data.features.take(pa.array(judged))
    scores: dict[str, Floats] = {name: one.score(rows).scores for name, one in scorers.items()}
    missing = dict[str, str]()
    for rival in detector.gate.beat:
        if rival == QUEUE and data.queue is not None:
            scores[QUEUE] = data.queue[judged]
        elif rival == QUEUE:
            missing[QUEUE] = "train.today_queue names no field that holds numbers"
        elif rival == SINGLE:
            found = _single(app, shadow, scorers[_OURS], rows)
            if isinstance(found, str):
                missing[SINGLE] = found
            else:
                scores[SINGLE] = found
    times, entities, truth = data.times[judged], data.entities[judged], known.truth[judged]
    chances = shown_chances(app.state.database, detector.name, data, labels)[judged]
    seed = detector.train.seed
    against = dict[str, Paired]()
    for name in [name for name in scores if name != _OURS]:
        pair = {_OURS: scores[_OURS], name: scores[name]}
        shown = shown_daily(
            times, entities, pair, detector.alerts.budget, suppression_of(detector), seed
        )
        against[name] = paired(
            days_of(times), entities, truth, shown[_OURS], shown[name], seed, chances
        )
    return Comparison(covered=covered.total, units=len(judged), against=against, missing=missing)


_OURS = "shadow"


def _units(
    app: App,
    detector: Detector,
    covered: Covered,
    now: datetime,
    progress: Callable[[int], None] | None,
) -> tuple[Dataset, pa.Table]:
    wanted = _as_labelled_now(detector, covered, now)
    read: TrainingData = read_training_data(app, wanted, now, progress, now=now)
    return Dataset.of(read.rows, detector), read.labels


def _as_labelled_now(detector: Detector, covered: Covered, now: datetime) -> Detector:
    """*detector* with the covered time as its history, and every existing label taken as it is.

    Both versions are judged by the same labels, so young ones do no harm; presumed ones would.
    """
    since = covered.since or now
    # Covered time is arrival time; history is event time. So reach back further, for late events.
    history = max(now - since + detector.lag + _EARLIER, timedelta(minutes=1))
    labels = {"mature_after": timedelta(0), "unlabelled": "ignore"}
    return detector.model_copy(
        update={
            "train": detector.train.model_copy(update={"history": history}),
            "labels": detector.labels.model_copy(update=labels),
        }
    )


_EARLIER = timedelta(days=1)  # an event's age on arrival; older ones are left out


def _single(app: App, shadow: ModelVersion, scorer: Scorer, rows: pa.Table) -> Floats | str:
    """What the best single feature of the shadow's training says of *rows*, or why it cannot."""
    try:
        named = str(read_account(app, shadow).get("single_feature") or "")
    except DataError:
        return "the account of the shadow's training cannot be read"
    name, sign = named.removeprefix("-"), -1.0 if named.startswith("-") else 1.0
    encoder = scorer.artifact.encoder
    if name not in encoder.names:
        return f"the training of {shadow.version} names no single feature"
    values = encoder.transform(rows)[:, list(encoder.names).index(name)].astype(np.float64) * sign
    return np.asarray(np.where(np.isnan(values), -np.inf, values), dtype=np.float64)
