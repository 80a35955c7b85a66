"""A detector as its file describes it: every key typed, checked and defaulted here.

The names are those of the file. `scoreback.models.detector_file` reads YAML into these and turns
what they refuse into errors with file, line, key and remedy. The JSON Schema for editors comes
from them.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([1-9]\d*)([smhdw])")

# Written after an alert is closed, or by ourselves: as inputs they would tell the answer.
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

ALGORITHMS = ("xgboost", "logistic_regression")


def parse_duration(text: object) -> timedelta:
    """``"5m"``, ``"1h"``, ``"7d"`` as a timedelta.

    Raises:
        ValueError: it is not a whole number followed by s, m, h, d or w.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is not a duration; write a number and s, m, h, d or w: 5m, 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_duration(value: timedelta) -> str:
    """A duration as the file writes it: the largest unit that divides it."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def _per_day(text: object) -> object:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*/\s*day", str(text))
    if not match:
        raise ValueError(f"{text!r} is not a number a day; write for example 20/day")
    return float(match[1])


def _percent(text: object) -> object:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(text))
    if not match:
        raise ValueError(f"{text!r} is not a share; write for example 1%")
    return float(match[1]) / 100


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _texts(value: object) -> object:
    """Labels as text: a file may write 1 or true where the SIEM has the text '1' or 'true'."""
    items = value if isinstance(value, list) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in items]


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    _schema(r"^[1-9]\d*[smhdw]$", "1h"),
]
PerDay = Annotated[
    float,
    BeforeValidator(_per_day),
    PlainSerializer(lambda v: f"{v:g}/day"),
    _schema(r"^\d+(\.\d+)?\s*/\s*day$", "20/day"),
]
Share = Annotated[
    float,
    BeforeValidator(_percent),
    PlainSerializer(lambda v: f"{v * 100:g}%"),
    _schema(r"^\d+(\.\d+)?\s*%$", "1%"),
]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_@][A-Za-z0-9_@.\-]*$")]
Texts = Annotated[list[str], BeforeValidator(_texts), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class VerdictLabels(_Part):
    """Labels from how analysts closed alerts."""

    join: Literal["event"] = Field(description="what a verdict is about")


class FieldLabels(_Part):
    """Labels from a field of the events themselves."""

    name: FieldName
    positive: Texts
    negative: Texts | None = Field(
        None, description="values that mean negative; without it, all others that are present"
    )
    delay: Duration = Field(
        timedelta(0), description="how long after the event the label came to exist"
    )
    time: FieldName | None = Field(
        None, description="field that says when the label came to exist; wins over delay"
    )


class Labels(_Part):
    """Where labels come from and what they count as."""

    verdicts: VerdictLabels | None = None
    field: FieldLabels | None = None
    benign_positive: Literal["negative", "positive", "ignore"] = Field(
        "negative", description="what a right rule on allowed activity counts as"
    )
    unlabelled: Literal["ignore", "presumed_benign"] = "ignore"
    mature_after: Duration = Field(
        timedelta(days=7), description="younger days are neither trained on nor judged"
    )

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if self.verdicts is None and self.field is None:
            raise ValueError("labels name no source; add verdicts: {join: event} or field: {...}")
        return self


class EventFeature(_Part):
    """A feature that needs one event: its kind and its field."""

    kind: Literal[
        "number", "category", "length", "entropy", "digits", "matches", "ratio",
        "hour_of_day", "day_of_week", "is_private_ip",
    ]  # fmt: skip
    field: str
    divisor: str | None = None  # ratio only
    pattern: str | None = None  # matches only
    name: str


class WindowFeature(_Part):
    """A feature over earlier events that share the value of ``by``."""

    kind: Literal["count", "distinct", "rarity", "sum", "mean", "since_last"]
    field: str | None  # None counts events
    by: tuple[str, ...]
    over: Duration
    name: str


class Train(_Part):
    """How far back to learn from, and with what."""

    history: Duration = timedelta(days=90)
    algorithms: Annotated[list[Literal["xgboost", "logistic_regression"]], Field(min_length=1)] = (
        Field(list(ALGORITHMS), validate_default=True)
    )
    seed: Annotated[int, Field(ge=0)] = 7


class Split(_Part):
    """How to judge beside the split by time."""

    hold_out: Annotated[list[FieldName], Field(max_length=1)] = Field(
        [], description="judge each value of this field by a model that never saw it"
    )


class Alerts(_Part):
    """What a team can read, and how it is told."""

    budget: PerDay
    per_entity: PerDay = 3.0  # checked by the validator below
    throttle: Duration = timedelta(hours=1)
    deliver: Literal["finding"] = "finding"
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    attack: list[Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")]] = []


class Keep(_Part):
    """Which scores are stored; all are counted."""

    top: Share = 0.01
    sample: Share = 0.001


class Write(_Part):
    """What is written back."""

    keep: Keep = Keep()
    copy_fields: list[FieldName] = Field([], description="event fields copied onto each score")


class Schedule(_Part):
    """When each job is due, as cron lines in UTC."""

    score: str = "*/5 * * * *"
    train: str = "0 3 * * 0"


class Detector(_Part):
    """One detector file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_\-]{0,62}$")]
    use_case: Literal["threat_detection", "incident_response", "vulnerability_management"] = (
        "threat_detection"
    )
    owner: str = ""
    unit: Literal["event"] = "event"
    lag: Duration = timedelta(minutes=5)
    events: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    entity: FieldName
    labels: Labels
    features: Annotated[list[EventFeature | WindowFeature], Field(min_length=1)]
    train: Train = Train()
    split: Split = Split()
    alerts: Alerts
    write: Write = Write()
    schedule: Schedule = Schedule()
