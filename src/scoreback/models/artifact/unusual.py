"""What is unusual about a value or, where nothing is, how often events with it were true positives.

A value beside an equal usual value explains nothing. If events with such a value were true
positives more often than others, the text says so instead. If they were not, the event as a whole
raised the score: `alone_usual` recognises such texts, so that other reasons go first.
"""

from scoreback.models.artifact.amounts import as_in, share
from scoreback.models.judging.norms import Norm, Norms, Seen, band_of
from scoreback.models.learners.encoding import MIN_SEEN
from scoreback.portable.model import ALONE_USUAL

_HALF = 0.5


def more_often_true(seen: Seen | None, norms: Norms | None, whose: str) -> str:
    """How often events like *seen* were true positives, if more often than all; else empty.

    Args:
        seen: how many of them training saw, and how many were true positives.
        norms: the same of all training units.
        whose: names the events, with ``{}`` for the word for a unit.
    """
    if seen is None or norms is None or seen.labelled < MIN_SEEN or not norms.labelled:
        return ""
    one, of_all = share(seen.positives, seen.labelled), share(norms.positives, norms.labelled)
    if one == of_all or seen.positives * norms.labelled <= norms.positives * seen.labelled:
        return ""
    judged = whose.format(norms.unit if norms.presumed else f"labelled {norms.unit}")
    verb = "was" if one.startswith("1 in ") else "were"
    return f"{one} of {judged} {verb} true (of all, {of_all})"


def as_usual(value: float, norm: Norm, norms: Norms | None, such: str, mark: str = ":") -> str:
    """The text that follows a usual number.

    Args:
        value: the number.
        norm: the usual values of its feature.
        norms: the usual values of all features.
        such: names the events with about this number.
        mark: the punctuation before the text.
    """
    band = band_of(norm, value)
    if band is None:
        return ALONE_USUAL
    told = more_often_true(band.seen, norms, such)
    return f"{mark} {told}" if told else ALONE_USUAL


def missing_told(norm: Norm | None, norms: Norms | None) -> str:
    """The text that follows a missing value: how many training units lacked it too."""
    if norm is None or norms is None:
        return ""
    return (
        ALONE_USUAL if is_half(norm.missing, norm.rows) else as_in(norm.missing, norm.rows, norms)
    )


def is_half(part: int, whole: int) -> bool:
    """Whether *part* is at least half of *whole*, which is not unusual."""
    return whole > 0 and part >= _HALF * whole


def alone_usual(told: str) -> bool:
    """Whether the text *told* about a value says that the value alone is usual."""
    return told.endswith(ALONE_USUAL)
