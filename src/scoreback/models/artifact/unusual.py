"""What is unusual of a value, and what else speaks for it where nothing is.

A value that is told beside one that is usual says nothing if the two are equal. Where events with
such a value were true more often than others, that is told instead. Where they were not, it was the
event as a whole that raised the score: ``alone_usual`` marks these, and they are no reasons.
"""

from scoreback.models.artifact.amounts import as_in, share
from scoreback.models.judging.norms import Norm, Norms, Seen, band_of
from scoreback.models.learners.encoding import MIN_SEEN
from scoreback.portable.model import ALONE_USUAL

_HALF = 0.5


def more_often_true(seen: Seen | None, norms: Norms | None, whose: str) -> str:
    """How often events like *seen* were true, if that is more often than others; else empty.

    Args:
        seen: how many there were, and how many of them were true.
        norms: what is usual of all.
        whose: which events, with ``{}`` for what they are called.
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
    """What stands behind a number that is a usual one.

    Args:
        value: the number.
        norm: what is usual of its feature.
        norms: what is usual of all.
        such: what the events with about this number are called.
        mark: what stands before it.
    """
    band = band_of(norm, value)
    if band is None:
        return ALONE_USUAL
    told = more_often_true(band.seen, norms, such)
    return f"{mark} {told}" if told else ALONE_USUAL


def missing_told(norm: Norm | None, norms: Norms | None) -> str:
    """What stands behind that a value is missing: how many units of training lacked it too."""
    if norm is None or norms is None:
        return ""
    return (
        ALONE_USUAL if is_half(norm.missing, norm.rows) else as_in(norm.missing, norm.rows, norms)
    )


def is_half(part: int, whole: int) -> bool:
    """Whether *part* is so much of *whole* that it is nothing unusual."""
    return whole > 0 and part >= _HALF * whole


def alone_usual(told: str) -> bool:
    """Whether what is *told* of a value says that it is nothing unusual."""
    return told.endswith(ALONE_USUAL)
