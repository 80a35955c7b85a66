"""How reasons tell a feature's value: what `explain.in_words` says, taken apart."""

from scoreback.models.artifact.explain import in_words
from scoreback.models.detector.spec import EventFeature
from scoreback.portable.model import Words

_FEW = {
    "hour_of_day": range(24),
    "day_of_week": range(1, 8),
    "is_private_ip": range(2),
}  # kinds whose values are few: each is told by itself


def words_of(feature: EventFeature) -> Words:
    """The words of *feature*."""
    missing = in_words(feature, None)
    if feature.kind in _FEW:
        told = {str(each): in_words(feature, float(each)) for each in _FEW[feature.kind]}
        return Words(before="", after="", missing=missing, told=told)
    sample = 7_654_321
    while str(sample) in missing:  # the name of a field can hold anything
        sample += 1
    decimals = 1 if feature.kind == "entropy" else None
    shown = str(sample) if decimals is None else f"{sample:.{decimals}f}"
    value = str(sample) if feature.kind == "category" else float(sample)
    before, _, after = in_words(feature, value).partition(shown)
    return Words(before=before, after=after, missing=missing, told={}, decimals=decimals)
