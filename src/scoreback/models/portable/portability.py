"""Which detectors a SIEM can score itself, and for others why not, feature by feature."""

from collections.abc import Sequence

from scoreback.models.detector.features import EVENT_TIMES
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.detector.units import GroupUnit
from scoreback.portable.reading import KINDS

_WHY = {
    "ngrams": "hashes parts of texts, which only the service can do",
    "matches": "uses an RE2 regular expression, which a SIEM may read differently or evaluate in"
    " exponential time",
}


def hindrances(
    features: Sequence[EventFeature | WindowFeature], unit: object = "event"
) -> tuple[str, ...]:
    """Why a SIEM cannot score a detector with these *features*, one clause each; empty if it can.

    Args:
        features: the detector's features.
        unit: what the detector scores.
    """
    found = (
        [] if not isinstance(unit, GroupUnit) else ["it scores groups of events, not single events"]
    )
    return (*found, *(f"{f.name!r} {why}" for f in features if (why := _hindrance(f))))


def _hindrance(feature: EventFeature | WindowFeature) -> str:
    if isinstance(feature, WindowFeature):
        return "looks at earlier events, which only the service keeps"
    if feature.kind in _WHY:
        return _WHY[feature.kind]
    if feature.kind in ("hour_of_day", "day_of_week") and feature.field not in EVENT_TIMES:
        return (
            f"reads the date in the text of {feature.field}, which a SIEM reads differently; only"
            " the event's own times are portable"
        )
    return "" if feature.kind in KINDS else f"is of kind {feature.kind}"
