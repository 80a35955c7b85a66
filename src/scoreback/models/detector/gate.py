"""What a candidate has to pass before it scores: shadow, comparison, a person's word."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from scoreback.models.detector.features import Part
from scoreback.models.detector.quantities import Duration, format_duration
from scoreback.models.detector.wrong import WrongValue

LONGEST_SHADOW = timedelta(days=14)  # batches are remembered for a month


def _not_too_long(value: timedelta) -> timedelta:
    if value > LONGEST_SHADOW:
        raise WrongValue(
            f"{format_duration(value)} is too long",
            hint=f"write at most {format_duration(LONGEST_SHADOW)}",
        )
    return value


Rival = Literal["champion", "today_queue", "best_single_feature"]


class Gate(Part):
    """What a freshly trained candidate has to pass before it scores."""

    shadow: Annotated[Duration, AfterValidator(_not_too_long)] = Field(
        default=timedelta(days=3),
        description="how long a candidate scores beside the champion, without alerts of its own,"
        " before both are compared; 0s: not at all",
    )
    approval: Literal["manual", "automatic"] = Field(
        default="manual",
        description="who promotes a candidate: a person, or training itself as long as no version"
        " scores yet",
    )
