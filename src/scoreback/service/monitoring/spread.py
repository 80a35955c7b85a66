"""How the scores of each version are distributed: the champion's beside those of its shadows."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.models.judging.bins import quantiles
from scoreback.models.judging.home import ENOUGH
from scoreback.records import Histogram, Stage, TimeWindow
from scoreback.service.monitoring.subject import Subject
from scoreback.service.scoring.at_home import LOOK_BACK
from scoreback.service.state.versions import Versions

ENOUGH_FOR_THE_TOP = 1_000  # rows; with fewer, the highest thousandth is one score or none
_LEVELS = {"median": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}

_Slice = tuple[datetime, datetime]


def spread(subject: Subject) -> list[HealthDocument]:
    """A document for the champion and for each shadow, over what all of them scored lately.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    champion = subject.champion.version
    shadows = [one.version for one in Versions(subject.app.state).shadows(subject.name)]
    for span in LOOK_BACK:
        found = _scored(subject, [champion, *shadows], subject.last(span))
        if champion in found and _rows(found[champion]) >= ENOUGH:
            return [
                subject.document(
                    Kind.SPREAD,
                    _figures(slices, Stage.LIVE if version == champion else Stage.SHADOW),
                    subject=version,
                )
                for version, slices in found.items()
            ]
    return []


def _scored(
    subject: Subject, versions: list[str], window: TimeWindow
) -> dict[str, dict[_Slice, Histogram]]:
    """By version, the slices that all *versions* with enough scores in *window* have scored."""
    found: dict[str, dict[_Slice, Histogram]] = {version: {} for version in versions}
    for one in subject.app.connector.scores.histograms(subject.name, window):
        if one.version in found and one.stage in (Stage.LIVE, Stage.SHADOW):
            found[one.version][one.since, one.until] = one
    found = {version: slices for version, slices in found.items() if _rows(slices) >= ENOUGH}
    shared = set.intersection(*(set(slices) for slices in found.values())) if found else set()
    return {
        version: {key: one for key, one in slices.items() if key in shared}
        for version, slices in found.items()
    }


def _figures(slices: Mapping[_Slice, Histogram], stage: Stage) -> dict[str, Figure | None]:
    """Figures over slices with the bins of the newest: each training sets its version's bins."""
    edges = slices[max(slices)].edges
    counts = _summed([one for one in slices.values() if one.edges == edges])
    rows = sum(counts)
    found = dict(zip(_LEVELS, quantiles(counts, edges, [*_LEVELS.values()]), strict=True))
    if rows < ENOUGH_FOR_THE_TOP:
        del found["p999"]
    return {"stage": stage.value, "rows": rows, **found}


def _rows(slices: Mapping[_Slice, Histogram]) -> int:
    return sum(sum(bins) for one in slices.values() for bins in one.counts.values())


def _summed(histograms: Sequence[Histogram]) -> list[int]:
    """How many scores are in each bin, over all hours."""
    hours = [bins for one in histograms for bins in one.counts.values()]
    return [sum(each) for each in zip(*hours, strict=True)]
