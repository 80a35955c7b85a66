"""What a row carries beside its features so that reasons can name things, and no model reads."""

from scoreback.models.detector.spec import EventFeature, WindowFeature


def told_fields(features: tuple[EventFeature | WindowFeature, ...]) -> tuple[str, ...]:
    """Fields whose values the reasons of window features name: what events share, what is rare."""
    found: dict[str, None] = {}
    for feature in features:
        if isinstance(feature, WindowFeature):
            found |= dict.fromkeys(feature.by)
            if feature.kind == "rarity" and feature.field:
                found[feature.field] = None
    return tuple(found)


def field_column(field: str) -> str:
    """Name of the column of rows that carries an event's *field* along, as text."""
    return "field:" + field


def times_column(feature: WindowFeature) -> str:
    """Name of the column that says how many earlier events had the value whose rarity it is."""
    return "times:" + feature.name
