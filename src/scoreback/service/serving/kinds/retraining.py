"""The job that trains a detector because something about it has changed: `train.when`.

It follows each look at how the detector is doing, and each start. The run asks whether a training
is due while it holds the lock of trainings, and a training that was begun counts the next time: so
one reason makes one training, whoever else looks and whatever is killed in between.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from scoreback.errors import StateError
from scoreback.service.in_force.detector import in_force
from scoreback.service.monitoring.retraining import training_due
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import ONE, Ended, Kind, Work
from scoreback.service.serving.kinds.training import TRAIN, train_one

_log = logging.getLogger(__name__)


def _retrain(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        if in_force(work.app.state, one.detector).detector.train.when is not None:
            _train_if_due(work, one)
    return dict.fromkeys(one.detector.name for one in served)


def _train_if_due(work: Work, one: Served) -> None:
    about = {"detector": one.detector.name, "job": RETRAIN.name}
    with ExitStack() as held:
        try:
            held.enter_context(work.app.state.lock(one.detector.name, TRAIN.name))
        except StateError:
            _log.debug("it is already being trained", extra=about)
            return
        due = training_due(work.app, one.detector, now=work.now, alone=True)
        if due is not None and not due.waits:
            train_one(work, one, because=due.because)
        elif due is not None:
            _log.debug("%s", due, extra=about)


RETRAIN = Kind(
    name="retrain",
    executor=ONE,
    lock=TRAIN.name,  # and its runs are listed with other trainings
    line=lambda _detector: None,
    when_changed=True,  # a training that was killed is begun again
    run=_retrain,
)
