"""The job that collects analysts' verdicts every hour, and reports which are doubted."""

from collections.abc import Sequence

from scoreback.service.labels.harvest import harvest
from scoreback.service.labels.quarantine import in_words
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work

_ABOUT = "quarantine"


def _harvest(work: Work, served: Sequence[Served]) -> Ended:
    for one in served:
        found = harvest(work.app, one.detector, now=work.now)
        said = None if found is None else in_words(found[1])
        name = one.detector.name
        if said is None:
            work.clear(_ABOUT, name)
        else:
            work.warn(_ABOUT, [name], f"{said}. Try: scoreback quarantine list {one.path}")
    return dict.fromkeys(one.detector.name for one in served)


HARVEST = Kind(
    name="harvest",
    line=lambda detector: None if detector.labels.verdicts is None else "45 * * * *",
    run=_harvest,
)
