"""The `gate` key: what a candidate has to pass before it scores."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from scoreback.models.detector.features import Part
from scoreback.models.detector.quantities import Duration, Share, format_duration
from scoreback.models.detector.wrong import WrongValue

LONGEST_SHADOW = timedelta(days=14)  # as batches are kept for a month


def _not_too_long(value: timedelta) -> timedelta:
    if value > LONGEST_SHADOW:
        raise WrongValue(
            f"{format_duration(value)} is too long",
            hint=f"write at most {format_duration(LONGEST_SHADOW)}",
        )
    return value


Rival = Literal["champion", "today_queue", "best_single_feature"]


def _half_at_most(share: float) -> float:
    if share > 0.5:
        raise WrongValue(
            f"{share:.0%} of the budget is more than half of it",
            hint="leave the champion at least half: 10% is usual",
        )
    return share


class Gate(Part):
    """What a newly trained candidate has to pass before it scores."""

    shadow: Annotated[Duration, AfterValidator(_not_too_long)] = Field(
        default=timedelta(days=3),
        description="how long a candidate scores beside the champion, without raising alerts,"
        " before both are compared; 0s: not at all",
    )
    explore: Annotated[Share, AfterValidator(_half_at_most)] = Field(
        default=0.1,
        description="share of the alert budget for alerts that only a shadow would raise, so that"
        " somebody labels them; 0% turns it off",
    )
    min_verdicts: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=50,
        description="least number of labelled alerts of each version that a comparison needs",
    )
    min_precision: Share | None = Field(
        default=None, description="least share of true alerts that a shadow has to reach"
    )
    beat: Annotated[list[Rival], Field(min_length=1)] = Field(
        default=["champion", "today_queue", "best_single_feature"],
        description="what a shadow is compared with: it must do better than the champion, and no"
        " worse than the others",
    )
    approval: Literal["manual", "automatic"] = Field(
        default="manual",
        description="who promotes: a person, or the service itself: the first version at once,"
        " later ones after they did better than the champion",
    )

    @model_validator(mode="after")
    def _the_champion(self) -> Self:
        if "champion" not in self.beat:
            raise WrongValue(
                "a shadow is always compared with the champion", hint="add champion to the list"
            )
        return self
