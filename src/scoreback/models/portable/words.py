"""How reasons describe a feature's value: the texts of `artifact.words`, as plain values."""

import math
from collections.abc import Iterable

from scoreback.models.artifact.words import RARE, in_words, usual_beside, within_usual
from scoreback.models.detector.spec import EventFeature
from scoreback.models.judging.norms import Norms, bands_of, digest
from scoreback.portable.model import ALONE_USUAL, Words

_FEW = {
    "hour_of_day": range(24),
    "day_of_week": range(1, 8),
    "is_private_ip": range(2),
}  # kinds with few values, each of which has its own text


def words_of(feature: EventFeature, norms: Norms | None = None, known: Iterable[str] = ()) -> Words:
    """The words of *feature*, with what is usual according to *norms*.

    *known* are the category values that the model knows by name; any other value is rare.
    """
    missing = in_words(feature, None, norms)
    if feature.kind in _FEW:
        told = {str(each): in_words(feature, float(each), norms) for each in _FEW[feature.kind]}
        return Words(before="", after="", missing=missing, told=told)
    if feature.kind == "category":
        return _of_category(feature, missing, norms, known)
    decimals = 1 if feature.kind == "entropy" else None
    before, plain = _around(feature, decimals)
    norm = None if norms is None else norms.features.get(feature.name)
    if norm is None or norm.low is None or norm.high is None:
        return Words(before=before, after=plain, missing=missing, told={}, decimals=decimals)
    return Words(
        before=before,
        after=plain + usual_beside(math.inf, norm, norms, feature.kind),
        missing=missing,
        told={},
        decimals=decimals,
        ranges=[
            *(
                (band.low, band.high, plain + within_usual(band.low, norm, norms, feature.kind))
                for band in bands_of(norm)
            ),
            (norm.low, norm.high, plain + ALONE_USUAL),  # all that is usual
        ],
    )


def _around(feature: EventFeature, decimals: int | None) -> tuple[str, str]:
    """What stands before and after a number."""
    sample = 7_654_321
    while str(sample) in in_words(feature, 0.5):  # the name of a field can hold anything
        sample += 1
    shown = str(sample) if decimals is None else f"{sample:.{decimals}f}"
    before, _, after = in_words(feature, float(sample)).partition(shown)
    return before, after


def _of_category(
    feature: EventFeature, missing: str, norms: Norms | None, known: Iterable[str]
) -> Words:
    """A text for each named value; under "", what follows any other value."""
    before = in_words(feature, "")
    norm = None if norms is None else norms.features.get(feature.name)
    if norm is None or not norm.values:
        return Words(before=before, after="", missing=missing, told={})
    counted = (value for value in known if digest(value) in norm.values)
    told = {value: in_words(feature, value, norms) for value in counted}
    return Words(before=before, after="", missing=missing, told=told | {"": RARE})
