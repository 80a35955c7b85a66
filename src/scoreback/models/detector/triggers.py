"""The `train.when` key: what triggers a training between scheduled times."""

import math
import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from scoreback.models.detector.features import Part
from scoreback.models.detector.quantities import DayDuration
from scoreback.models.detector.wrong import WrongValue

_DECIMAL = re.compile(r"\d{1,4}(\.\d{1,6})?")


def _decimal(value: object) -> object:
    if isinstance(value, float):  # from code; numbers of a file arrive as int or text
        return value
    if isinstance(value, bool) or not _DECIMAL.fullmatch(str(value)):
        raise WrongValue(f"{value!r} is not a number", hint="write for example 0.25")
    return float(str(value))


def _between(low: float, high: float) -> AfterValidator:
    def check(value: float) -> float:
        if not low <= value <= high or math.isnan(value):
            raise WrongValue(
                f"{value:g} is not within {low:g}..{high:g}", hint=f"write at least {low:g}"
                if value < low else f"write at most {high:g}",
            )  # fmt: skip
        return value

    return AfterValidator(check)


def _number(low: float, high: float) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": low, "maximum": high})


# A PSI below 0.1 counts as no change, so such a trigger would always be due.
Psi = Annotated[float, _between(0.1, 100.0), BeforeValidator(_decimal), _number(0.1, 100)]
Drop = Annotated[float, _between(0.0, 1.0), BeforeValidator(_decimal), _number(0, 1)]


class When(Part):
    """What triggers a training between scheduled times, and how often at most."""

    drift: Psi | None = Field(
        default=None,
        description="train when the scores have drifted from those of training by more than this"
        " PSI",
        examples=["0.25"],
    )
    precision_drop: Drop | None = Field(
        default=None,
        description="train when precision is this much below the promised one, beyond chance",
        examples=["0.1"],
    )
    verdicts: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="train when this many verdicts have come since the last training",
        examples=["200"],
    )
    at_most_every: DayDuration = Field(
        default=timedelta(days=3),
        description="least time after any training, even a refused one, before another is"
        " triggered",
    )

    @model_validator(mode="after")
    def _some_reason(self) -> Self:
        if self.drift is None and self.precision_drop is None and self.verdicts is None:
            raise WrongValue(
                "names nothing that triggers a training",
                hint="add drift: 0.25, precision_drop: 0.1 or verdicts: 200",
            )
        return self
