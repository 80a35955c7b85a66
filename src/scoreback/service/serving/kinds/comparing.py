"""The job that compares shadows with the champion, and promotes or retires as the gate says."""

import logging
from collections.abc import Sequence

from scoreback.service.comparing.gate_job import JOB, run_gate
from scoreback.service.in_force.detector import in_force
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import ONE, Ended, Kind, Work

_log = logging.getLogger(__name__)


def _compare(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        about = {"detector": one.detector.name, "job": JOB}
        for verdict in run_gate(work.app, one.detector, now=work.now, progress=work.pause):
            gate = in_force(work.app.state, one.detector).detector.gate
            manual = gate.approval == "manual"
            waits = verdict.outcome == "better" and manual
            _log.log(
                logging.DEBUG if verdict.outcome == "waiting" else logging.INFO,
                "%s beside %s: %s%s",
                verdict.version, verdict.against, verdict.why,
                f" (scoreback promote {one.path} {verdict.version})" if waits else "",
                extra=about,
            )  # fmt: skip
    return dict.fromkeys(one.detector.name for one in served)


GATE = Kind(
    name=JOB,
    executor=ONE,  # it reads and scores days of events
    lock=JOB,
    line=lambda detector: "40 * * * *" if detector.gate.shadow else None,
    run=_compare,
)
