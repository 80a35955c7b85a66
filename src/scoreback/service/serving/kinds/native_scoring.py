"""The job that keeps the SIEM's own scoring at the version and threshold in force, every minute."""

from collections.abc import Sequence

from scoreback.service.deploying.native import follow_native
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work

_ABOUT = "native scoring"


def _follow(work: Work, served: Sequence[Served]) -> Ended:
    names = [one.detector.name for one in served]
    warnings: list[str] = []
    follow_native(work.app, [one.detector for one in served], at=work.now, warn=warnings.append)
    for warning in warnings:
        work.warn(_ABOUT, names, warning)
    if not warnings:
        for name in names:
            work.clear(_ABOUT, name)
    return dict.fromkeys(names)


NATIVE = Kind(
    name="native",
    line=lambda _detector: "* * * * *",
    shared_by=lambda _detector, _connector: "the whole SIEM",
    run=_follow,
)
