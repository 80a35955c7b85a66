"""One feature of a model: what is computed, from which fields, and its name.

Detector files have a short form of features, which `feature_forms` reads into these classes. Fields
that give away the answer, or identify a single event, are refused here.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from scoreback.models.detector.quantities import FieldName, FieldNames, OverDuration, Pattern
from scoreback.models.detector.wrong import WrongValue

# Written after an alert is closed, or by Scoreback: as features they would give away the answer.
WRITTEN_AFTER_CLOSING = (
    "status",
    "owner",
    "tags",
    "comments",
    "disposition",
    "urgency",
    "scoreback",
    "kibana.alert.workflow_status",
    "kibana.alert.workflow_reason",
    "kibana.alert.workflow_tags",
    "kibana.alert.workflow_user",
    "kibana.alert.workflow_assignee_ids",
    "signal.status",
    "event.outcome_label",
)
# Columns of every event beside its fields; a test compares them with `EVENT_COLUMNS`.
EVENT_TIMES = ("event_time", "arrival_time")
EVENT_NAMES = ("event_id", "event_ref")

EVENT_KINDS = (
    "number", "category", "length", "entropy", "digits", "matches", "ratio",
    "hour_of_day", "day_of_week", "is_private_ip", "ngrams",
)  # fmt: skip
WINDOW_KINDS = ("count", "distinct", "rarity", "sum", "mean", "since_last")
TAKING_KINDS = ("number", "ratio", "sum", "mean")  # kinds that read one number of each field
TAKES = ("first", "min", "max", "sum")


def is_or_is_under(field: str, parent: str) -> bool:
    """Whether *field* is *parent* or one of its sub-fields, ignoring case."""
    return (field.lower() + ".").startswith(parent.lower() + ".")


def _known_in_time(field: str) -> str:
    """Refuse fields that identify a single event, or are written after the answer is known."""
    if field in EVENT_NAMES:
        raise WrongValue(
            f"{field!r} identifies one event, and says nothing about the next",
            hint="use a field with values that repeat",
        )
    if is_or_is_under(field, "scoreback"):
        raise WrongValue(
            f"{field!r} is written by Scoreback itself",
            hint="remove it; use fields that the event has when it arrives",
        )
    for written in WRITTEN_AFTER_CLOSING:
        if is_or_is_under(field, written):
            raise WrongValue(
                f"{field!r} is written after an alert is closed: it would give away the answer",
                hint="remove it; use fields that the event has when it arrives",
            )
    return field


def _no_time(field: str) -> str:
    if field in EVENT_TIMES:
        raise WrongValue(
            f"{field!r} never repeats, so nothing can be learnt from it",
            hint=f"write hour_of_day: {field} or day_of_week: {field}",
        )
    return field


def _inputs(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_no_time(_known_in_time(field)) for field in fields)


def _with(value: object) -> str:
    return "without" if value is None else "with a"


InputField = Annotated[FieldName, AfterValidator(_known_in_time)]
InputFields = Annotated[FieldNames, AfterValidator(_inputs)]
FeatureName = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]+$")]


Take = Annotated[
    Literal["first", "min", "max", "sum"],
    Field(description="which number to use if a field has several values"),
]


class Part(BaseModel):
    """Base of a detector's parts: frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Reading(Part):
    """The option that both kinds of features have for fields with several values."""

    kind: str
    take: Take = "first"

    @model_validator(mode="after")
    def _takes_of_numbers(self) -> Self:
        if self.take != "first" and self.kind not in TAKING_KINDS:
            raise WrongValue(
                f"{self.kind} reads no number, so take has no meaning",
                hint=f"remove take; it is for {', '.join(TAKING_KINDS)}",
            )
        return self

    @model_serializer(mode="wrap")
    def _short(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the default, so that models learnt before the option existed stay the same."""
        found: dict[str, Any] = written(self)
        if found.get("take") == "first":
            del found["take"]
        return found


class EventFeature(_Reading):
    """A feature of a single event: its kind and its field."""

    kind: Literal[
        "number", "category", "length", "entropy", "digits", "matches", "ratio",
        "hour_of_day", "day_of_week", "is_private_ip", "ngrams",
    ] = Field(description="what is computed from the field")  # fmt: skip
    field: InputField = Field(description="the field it reads")
    divisor: InputField | None = Field(default=None, description="the field a ratio divides by")
    pattern: Pattern | None = Field(
        default=None, description="regular expression (RE2) that matches searches for"
    )
    name: FeatureName = Field(description="its name in reports and reasons")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind not in ("hour_of_day", "day_of_week"):
            _no_time(self.field)
        if (self.divisor is not None) != (self.kind == "ratio"):
            raise WrongValue(
                f"{self.kind} {_with(self.divisor)} divisor",
                hint="write ratio: [source.bytes, destination.bytes]; only ratio has two fields",
            )
        if (self.pattern is not None) != (self.kind == "matches"):
            raise WrongValue(
                f"{self.kind} {_with(self.pattern)} pattern",
                hint=r"write {matches: url.path, pattern: '\.php$'}; only matches has a pattern",
            )
        return self


class WindowFeature(_Reading):
    """A feature over earlier events that share the value of ``by``."""

    kind: Literal["count", "distinct", "rarity", "sum", "mean", "since_last"] = Field(
        description="what is computed over the window"
    )
    field: Annotated[InputField, AfterValidator(_no_time)] | None = Field(
        description="the field it reads; None for count and since_last, which look at events"
    )
    by: InputFields = Field(
        description="field or fields that earlier events must share", examples=["source.ip"]
    )
    over: OverDuration = Field(description="how far back the window reaches", examples=["1h"])
    name: FeatureName = Field(description="its name in reports and reasons")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.field is None) != (self.kind in ("count", "since_last")):
            raise WrongValue(
                f"{self.kind} of {self.field or 'events'}",
                hint="count and since_last take events; the other kinds take a field",
            )
        if len(set(self.by)) < len(self.by):
            raise WrongValue("by names a field twice", hint="name each field once")
        return self
