"""The job that tells the SIEM how each detector is doing."""

from collections.abc import Sequence

from scoreback.errors import SiemError
from scoreback.service.deploying.health_rules import reconcile_health
from scoreback.service.monitoring.monitor import monitor
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.state.journal import journalled

_RULES = "health rules"


def _monitor(work: Work, served: Sequence[Served]) -> Ended:
    warnings = _health_rules(work)
    for one in served:
        name = one.detector.name
        with journalled(work.app.state, name, MONITOR.name, work.now) as counts:
            counts["documents"] = len(monitor(work.app, one.detector, now=work.now))
        for warning in warnings:
            work.warn(_RULES, [name], warning)
        if not warnings:
            work.clear(_RULES, name)
    return dict.fromkeys(one.detector.name for one in served)


def _health_rules(work: Work) -> list[str]:
    """Bring the rules about detectors up to date; why they stay as they are, if they do.

    Where the SIEM keeps rules apart from data, those may be out of reach alone: how detectors are
    doing is told all the same.
    """
    warnings = list[str]()
    try:
        reconcile_health(work.app, at=work.now, warn=warnings.append)
    except SiemError as error:
        warnings.append(f"the rules about health stay as they are: {error.message}")
    return warnings


MONITOR = Kind(
    name="monitor",
    lock="monitor",
    line=lambda detector: str(detector.schedule.monitor),
    run=_monitor,
)
