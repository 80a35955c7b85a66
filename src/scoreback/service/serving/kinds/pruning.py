"""The job that deletes what is old from the state, once a day."""

import logging
from collections.abc import Sequence

from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.state.pruning import prune

_log = logging.getLogger(__name__)


def _prune(work: Work, served: Sequence[Served]) -> Ended:
    pruned = prune(work.app.state, work.now)
    _log.debug("deleted because of age: %s", pruned, extra={"job": PRUNE.name})
    return dict.fromkeys(one.detector.name for one in served)


PRUNE = Kind(
    name="prune",
    line=lambda _detector: "17 4 * * *",
    at_first=True,  # cheap where there is nothing to forget
    shared_by=lambda _detector, _connector: "the whole state",
    run=_prune,
)
