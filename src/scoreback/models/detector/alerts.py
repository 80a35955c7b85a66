"""The `alerts` key of a detector file: how many, how they look, and what settings may change."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from scoreback.models.detector.day_start import DayStart
from scoreback.models.detector.features import Part
from scoreback.models.detector.quantities import DayStarts, Duration, PerDay, Share, WholePerDay
from scoreback.models.detector.wrong import WrongValue


class Alerts(Part):
    """How many alerts the team can read, and how they look."""

    budget: PerDay = Field(description="alerts a day that the team can read", examples=["20/day"])
    day_starts: DayStarts = Field(
        default=DayStart(), description="when the team's day begins, and in which time zone"
    )
    burst: Share = Field(
        default=0.5, description="share of the budget by which a day may exceed it"
    )
    least_precision: Share = Field(
        default=0.05,
        description="least probability that an alert is true; below it, none is raised",
    )
    per_entity: WholePerDay = Field(default=3.0, description="alerts a day for one entity, at most")
    throttle: Duration = Field(
        default=timedelta(hours=1), description="hits of an entity within it join one alert"
    )
    audit: WholePerDay | None = Field(
        default=None,
        description="units a day, drawn from those without an alert, for analysts to look at;"
        " their verdicts tell how many attacks are missed",
        examples=["2/day"],
    )
    deliver: Literal["finding", "risk"] | None = Field(
        default=None,
        description="what an alert becomes: a finding, or risk of its entity; by default, what is"
        " usual in the SIEM",
    )
    reads: Literal["scores", "events"] = Field(
        default="scores",
        description="what the SIEM's alert rule reads: scores, or the events with their scores"
        " beside them, which needs a SIEM that can do so and write.enrich: event",
    )
    severity: Literal["low", "medium", "high", "critical"] = Field(
        default="medium", description="severity of the alerts"
    )
    attack: list[Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")]] = Field(
        default=[], description="MITRE ATT&CK techniques, for example T1071.004"
    )


# The keys of a file that settings in the SIEM may change, unless the file locks them.
OVERRIDABLE = (
    *(
        f"alerts.{name}"
        for name in (
            "audit", "budget", "burst", "day_starts", "deliver", "least_precision", "per_entity",
            "severity", "throttle",
        )
    ),
    "enabled",
    *(
        f"gate.{name}"
        for name in ("approval", "explore", "min_precision", "min_verdicts", "shadow")
    ),
    "labels.benign_positive",
    "labels.flood",
    "schedule.score",
    *(
        f"train.when.{name}"
        for name in ("at_most_every", "drift", "precision_drop", "verdicts")
    ),
)  # fmt: skip


def _overridable(key: str) -> str:
    if key not in OVERRIDABLE:
        raise WrongValue(
            f"{key!r} is not a key that settings can change",
            hint=f"write one of {', '.join(OVERRIDABLE)}",
        )
    return key


OverridableKey = Annotated[str, AfterValidator(_overridable)]
