"""Which detectors a SIEM can score by itself, and why others cannot: told feature by feature."""

from collections.abc import Sequence

from scoreback.models.detector.features import EVENT_TIMES
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.detector.units import GroupUnit
from scoreback.portable.reading import KINDS

_WHY = {
    "ngrams": "learns from texts by hashed parts, which only the service computes",
    "matches": "asks a regular expression of RE2, and a SIEM's own languages read some otherwise"
    " or take exponential time",
}


def hindrances(
    features: Sequence[EventFeature | WindowFeature], unit: object = "event"
) -> tuple[str, ...]:
    """Why a SIEM cannot score a detector of these *features* itself, a sentence each; none: it can.

    Args:
        features: of the detector.
        unit: what it scores.
    """
    found = [] if not isinstance(unit, GroupUnit) else ["it scores groups of events, not events"]
    return (*found, *(f"{f.name!r} {why}" for f in features if (why := _hindrance(f))))


def _hindrance(feature: EventFeature | WindowFeature) -> str:
    if isinstance(feature, WindowFeature):
        return "looks at earlier events, which only the service keeps"
    if feature.kind in _WHY:
        return _WHY[feature.kind]
    if feature.kind in ("hour_of_day", "day_of_week") and feature.field not in EVENT_TIMES:
        return (
            f"reads the date in the text of {feature.field}, which a SIEM reads by other rules;"
            " the event's own times can be read"
        )
    return "" if feature.kind in KINDS else f"is of kind {feature.kind}"
