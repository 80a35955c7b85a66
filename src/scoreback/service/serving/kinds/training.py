"""The job that trains a detector, and lets the result score where its gate says so."""

import logging
from collections.abc import Sequence

from scoreback.errors import ScorebackError
from scoreback.records import ModelVersion
from scoreback.service.monitoring.retraining import cut_off
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import ONE, Ended, Kind, Work
from scoreback.service.training.gate import Decision, let_in
from scoreback.service.training.train_job import train_detector

SCHEDULED = "its schedule was due"

_log = logging.getLogger(__name__)


def _train(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        train_one(work, one, because=SCHEDULED)
    return dict.fromkeys(one.detector.name for one in served)


def train_one(work: Work, one: Served, *, because: str) -> None:
    """Train one detector for the reason *because*, and do with the candidate as its gate says.

    The run is done when both are: if it is killed in between, it is begun again as of the same
    moment, and then makes the same version.

    Raises:
        TrainingRefused: with the reason and the numbers.
        SiemUnavailable, SiemRefused: it cannot read, or promote.
        StateError: somebody else trains it.
    """
    app, detector = work.app, one.detector
    about = {"detector": detector.name, "job": TRAIN.name}
    _log.info("training starts: %s", because, extra=about)
    decided: list[Decision | ScorebackError] = []

    def decide(version: ModelVersion) -> None:
        try:
            decided.append(let_in(app, detector, version, at=work.now))
        except ScorebackError as error:  # it is trained all the same
            decided.append(error)

    with app.state.lock(detector.name, TRAIN.name):  # so that no run in progress looks cut off
        outcome = train_detector(
            app,
            detector,
            as_of=cut_off(app, detector.name, work.now) or work.now,
            now=work.now,
            progress=work.pause,
            stages=lambda *_: work.pause(0),
            because=because,
            then=decide,
        )
    (decision,) = decided
    if isinstance(decision, ScorebackError):
        raise decision
    version, precision = (
        outcome.version.version,
        outcome.training.evaluation.at_budget.precision,
    )
    _log.info(
        "trained %s, precision %s at the budget: it %s%s",
        version, "-" if precision is None else f"{precision:.2f}", decision.why,
        f" (scoreback promote {one.path} {version})" if decision.next == "wait" else "",
        extra=about,
    )  # fmt: skip


TRAIN = Kind(
    name="train",
    executor=ONE,  # so that it never keeps scoring from starting
    lock="train",
    line=lambda detector: str(detector.schedule.train),
    run=_train,
)
