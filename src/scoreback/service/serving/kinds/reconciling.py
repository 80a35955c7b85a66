"""The job that brings a detector's alert rule up to date after its file has changed."""

from collections.abc import Sequence

from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.reconcile import RULE, reconcile
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.state.workspace_state import CONTROL


def follow_file(work: Work, served: Served) -> None:
    """Bring the rule of one detector up to date; warn of what keeps it as it is."""
    name, warnings = served.detector.name, list[str]()
    reconcile(work.app, served.detector, at=work.now, warn=warnings.append)
    follow_native(work.app, [served.detector], at=work.now, warn=warnings.append, anew=True)
    for warning in warnings:
        work.warn(RULE, [name], warning)
    if not warnings:
        work.clear(RULE, name)


def _reconcile(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        follow_file(work, one)
    return dict.fromkeys(one.detector.name for one in served)


RECONCILE = Kind(
    name="reconcile",
    lock=CONTROL,
    line=lambda _detector: None,
    when_changed=True,
    run=_reconcile,
)
