"""The job that writes to the SIEM how each detector is doing."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from threading import Lock

from scoreback.deployment import AlertRule
from scoreback.errors import SiemError
from scoreback.health import HealthDocument
from scoreback.health import Kind as About
from scoreback.service.deploying.health_rules import health_rules, reconcile_health
from scoreback.service.monitoring.monitor import monitor
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.serving.kinds.retraining import RETRAIN
from scoreback.service.state.journal import journalled

_RULES = "health rules"


class _Following:
    """How the rules about detectors stood at the last look; one look a UTC day is enough.

    Every detector's run asks, and the rules are the same for all.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._looked: dict[Path, tuple[date, Sequence[AlertRule], list[str]]] = {}

    def warnings(self, work: Work) -> list[str]:
        """Bring the rules up to date; return why they stay as they are, if they do.

        Where the SIEM keeps rules apart from data, only the rules may be out of reach: the health
        of detectors is written all the same, and the next run looks at the rules.
        """
        home, today, rules = work.app.settings.home, work.now.date(), health_rules(work.app)
        with self._lock:
            known = self._looked.get(home)
            if known is not None and known[:2] == (today, rules):
                return known[2]
            found = list[str]()
            try:
                reconcile_health(work.app, at=work.now, warn=found.append)
            except SiemError as error:
                return [f"the health rules stay as they are: {error.message}"]
            self._looked[home] = (today, rules, found)
            return found


FOLLOWING = _Following()


def _monitor(work: Work, served: Sequence[Served]) -> Ended:
    warnings = FOLLOWING.warnings(work)
    for one in served:
        name = one.detector.name
        with journalled(work.app.state, name, MONITOR.name, work.now) as counts:
            documents = monitor(work.app, one.detector, now=work.now)
            counts["documents"] = len(documents)
        if work.soon is not None and _training_due(documents):
            work.soon(RETRAIN.name, name)
        for warning in warnings:
            work.warn(_RULES, [name], warning)
        if not warnings:
            work.clear(_RULES, name)
    return dict.fromkeys(one.detector.name for one in served)


def _training_due(documents: Sequence[HealthDocument]) -> bool:
    return any("retrain_due" in d.figures for d in documents if d.kind is About.VERSION)


MONITOR = Kind(
    name="monitor",
    lock="monitor",
    line=lambda detector: str(detector.schedule.monitor),
    run=_monitor,
)
