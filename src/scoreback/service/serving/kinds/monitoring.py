"""The job that tells the SIEM how each detector is doing."""

from collections.abc import Sequence

from scoreback.service.deploying.health_rules import reconcile_health
from scoreback.service.monitoring.monitor import monitor
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.state.journal import journalled

_RULES = "health rules"


def _monitor(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        name, warnings = one.detector.name, list[str]()
        with journalled(work.app.state, name, MONITOR.name, work.now) as counts:
            reconcile_health(work.app, at=work.now, warn=warnings.append)
            counts["documents"] = len(monitor(work.app, one.detector, now=work.now))
        for warning in warnings:
            work.warn(_RULES, [name], warning)
        if not warnings:
            work.clear(_RULES, name)
    return dict.fromkeys(one.detector.name for one in served)


MONITOR = Kind(
    name="monitor",
    lock="monitor",
    line=lambda detector: str(detector.schedule.monitor),
    run=_monitor,
)
