"""How reasons tell a feature's value: what `artifact.words` says, taken apart."""

from collections.abc import Iterable

from scoreback.models.artifact.words import RARE, in_words
from scoreback.models.detector.spec import EventFeature
from scoreback.models.judging.norms import Norms, digest
from scoreback.portable.model import Words

_FEW = {
    "hour_of_day": range(24),
    "day_of_week": range(1, 8),
    "is_private_ip": range(2),
}  # kinds whose values are few: each is told by itself


def words_of(feature: EventFeature, norms: Norms | None = None, known: Iterable[str] = ()) -> Words:
    """The words of *feature*, beside what is usual by *norms*.

    *known* are the values of a category that the model knows by name; any other is a rare one.
    """
    missing = in_words(feature, None, norms)
    if feature.kind in _FEW:
        told = {str(each): in_words(feature, float(each), norms) for each in _FEW[feature.kind]}
        return Words(before="", after="", missing=missing, told=told)
    if feature.kind == "category":
        return _of_category(feature, missing, norms, known)
    sample = 7_654_321
    while str(sample) in in_words(feature, 0.5, norms):  # the name of a field can hold anything
        sample += 1
    decimals = 1 if feature.kind == "entropy" else None
    shown = str(sample) if decimals is None else f"{sample:.{decimals}f}"
    before, _, after = in_words(feature, float(sample), norms).partition(shown)
    return Words(before=before, after=after, missing=missing, told={}, decimals=decimals)


def _of_category(
    feature: EventFeature, missing: str, norms: Norms | None, known: Iterable[str]
) -> Words:
    """Values that have a name, each as it says; under no name, what follows any other."""
    before = in_words(feature, "")
    norm = None if norms is None else norms.features.get(feature.name)
    if norm is None or not norm.values:
        return Words(before=before, after="", missing=missing, told={})
    counted = (value for value in known if digest(value) in norm.values)
    told = {value: in_words(feature, value, norms) for value in counted}
    return Words(before=before, after="", missing=missing, told=told | {"": RARE})
