"""The job that trains a detector, and lets the result score where its gate says so."""

import logging
from collections.abc import Sequence

from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import ONE, Ended, Kind, Work
from scoreback.service.training.gate import let_in
from scoreback.service.training.train_job import train_detector

_log = logging.getLogger(__name__)


def _train(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        _train_one(work, one)
    return dict.fromkeys(one.detector.name for one in served)


def _train_one(work: Work, one: Served) -> None:
    app, detector = work.app, one.detector
    about = {"detector": detector.name, "job": TRAIN.name}
    _log.info("training begins", extra=about)
    outcome = train_detector(
        app,
        detector,
        as_of=work.now,
        now=work.now,
        progress=work.pause,
        stages=lambda *_: work.pause(0),
    )
    version, precision = (
        outcome.version.version,
        outcome.training.evaluation.at_budget.precision,
    )
    decision = let_in(app, detector, outcome.version, at=work.now)
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
