"""The job that reports what the SIEM lacks for a detector, as `scoreback check` does."""

import logging
from collections.abc import Sequence

from scoreback.service.detectors.check_job import check_detector
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work

_log = logging.getLogger(__name__)


def _check(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        about = {"detector": one.detector.name, "job": CHECK.name}
        for finding in check_detector(work.app, one.detector, work.now):
            level = logging.ERROR if finding.fatal else logging.WARNING
            _log.log(level, "%s. Try: %s", finding.what, finding.fix, extra=about)
    return dict.fromkeys(one.detector.name for one in served)


CHECK = Kind(name="check", line=lambda _detector: None, when_changed=True, run=_check)
