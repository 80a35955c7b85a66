"""Columns that a row carries beside its features for reasons to name; no model reads them."""

from scoreback.models.detector.spec import EventFeature, WindowFeature


def told_fields(features: tuple[EventFeature | WindowFeature, ...]) -> tuple[str, ...]:
    """Fields whose values the reasons of window features name: shared ones and rare ones."""
    found: dict[str, None] = {}
    for feature in features:
        if isinstance(feature, WindowFeature):
            found |= dict.fromkeys(feature.by)
            if feature.kind == "rarity" and feature.field:
                found[feature.field] = None
    return tuple(found)


def field_column(field: str) -> str:
    """Name of the column that carries an event's *field* along, as text."""
    return "field:" + field


def times_column(feature: WindowFeature) -> str:
    """Name of the column that counts the earlier events with the value of a rarity *feature*."""
    return "times:" + feature.name
