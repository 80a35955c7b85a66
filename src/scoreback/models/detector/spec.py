"""A detector as its file describes it: every key typed, checked and defaulted here.

The names are those of the file. `scoreback.models.detector.file` reads YAML into these classes, and
turns what they refuse into errors with file, line, key and remedy. The JSON Schema for editors and
the texts of `validate --explain` are made from them.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from scoreback.models.detector.alerts import Alerts, OverridableKey
from scoreback.models.detector.features import (
    WRITTEN_AFTER_CLOSING,
    EventFeature,
    Part,
    WindowFeature,
)
from scoreback.models.detector.fixture_tests import FixtureTest
from scoreback.models.detector.gate import Gate
from scoreback.models.detector.problems import UNIT_TAGS
from scoreback.models.detector.quantities import (
    CronLine,
    DayDuration,
    Duration,
    FieldName,
    PositiveShare,
    Share,
    Texts,
    format_duration,
    parse_duration,
)
from scoreback.models.detector.triggers import When
from scoreback.models.detector.units import GroupUnit
from scoreback.models.detector.wrong import WrongValue

__all__ = [
    "WRITTEN_AFTER_CLOSING", "Accept", "Alerts", "Detector", "EventFeature", "FieldLabels", "Gate",
    "GroupUnit", "Keep", "Labels", "Schedule", "Split", "Train", "Unit", "VerdictLabels",
    "When", "WindowFeature", "Write", "format_duration", "parse_duration",
]  # fmt: skip


class VerdictLabels(Part):
    """Labels from how analysts closed alerts."""

    join: Literal["event", "entity"] = Field(
        description="what a verdict is about: the event that opened the alert, or its entity's"
        " events around it"
    )
    window: Duration | None = Field(
        default=None,
        description="with join: entity, how long before and after the event of the alert",
    )

    @model_validator(mode="after")
    def _window_of_an_entity(self) -> Self:
        if self.join == "entity" and self.window is None:
            raise WrongValue(
                "join: entity needs a window around the alert",
                hint="write for example {join: entity, window: 1h}",
            )
        if self.join == "event" and self.window is not None:
            raise WrongValue(
                "window can only be used with join: entity", hint="remove it, or join by entity"
            )
        return self


class FieldLabels(Part):
    """Labels from a field of the events themselves."""

    name: FieldName = Field(
        description="the field that holds the label", examples=["event.outcome_label"]
    )
    positive: Texts = Field(description="values that mean attack", examples=["attack"])
    negative: Texts | None = Field(
        default=None, description="values that mean no attack; by default, all other values present"
    )
    delay: Duration = Field(
        default=timedelta(0), description="how long after the event the label came to exist"
    )
    time: FieldName | None = Field(
        default=None,
        description="field that says when the label came to exist; wins over delay",
    )

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        both = sorted(set(self.positive) & set(self.negative or ()))
        if both:
            raise WrongValue(
                f"{both[0]!r} is both positive and negative", hint="keep it in one of the two"
            )
        return self


class Labels(Part):
    """Where labels come from, and what they count as."""

    verdicts: VerdictLabels | None = Field(
        default=None, description="labels from how analysts closed alerts: {join: event}"
    )
    field: FieldLabels | None = Field(
        default=None, description="labels from a field of the events: {name: ..., positive: [...]}"
    )
    incidents: str | None = Field(
        default=None,
        description="CSV file of incidents, beside the detector file: entity, from, to, verdict",
        examples=["incidents.csv"],
    )
    benign_positive: Literal["negative", "positive", "ignore"] = Field(
        default="negative",
        description="how a benign positive counts: a correct alert on permitted activity",
    )
    unlabelled: Literal["ignore", "presumed_benign"] = Field(
        default="ignore", description="what an event without a label counts as"
    )
    mature_after: Duration = Field(
        default=timedelta(days=7),
        description="days more recent than this are neither trained on nor judged",
    )
    flood: int = Field(
        default=100,
        ge=1,
        description="verdicts that one person may give within an hour; if there are more, they"
        " wait until somebody accepts them",
    )
    golden: str | None = Field(
        default=None,
        description="CSV file of attacks, beside the detector file, that every version must alert"
        " on: event_id, time, name",
        examples=["golden.csv"],
    )

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if self.verdicts is None and self.field is None and self.incidents is None:
            raise WrongValue(
                "labels has no source",
                hint="add verdicts: {join: event}, field: {name: ..., positive: [...]} or"
                " incidents: FILE",
            )
        return self


class Accept(Part):
    """When training keeps a model although it promises little."""

    precision: Share = Field(
        default=0.02, description="least share of true alerts that a training has to promise"
    )
    equal_to_rule: bool = Field(
        default=False,
        description="keep a model even if the best single feature, as a plain rule, does as well"
        " within chance",
    )


class Train(Part):
    """How far back to learn from, and with which algorithms."""

    history: DayDuration = Field(
        default=timedelta(days=90), description="how far back to learn from events"
    )
    algorithms: Annotated[
        list[Literal["xgboost", "hist_gradient_boosting", "random_forest", "logistic_regression"]],
        Field(min_length=1),
    ] = Field(
        default=["xgboost", "hist_gradient_boosting", "random_forest", "logistic_regression"],
        description="the algorithms that compete",
    )
    today_queue: FieldName | None = Field(
        default=None,
        description="number that analysts sort by today, such as a severity; judged beside the"
        " candidates",
        examples=["event.severity"],
    )
    trials: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(
        default=0, description="how many settings to try for each algorithm, beside its defaults"
    )
    search: Duration = Field(default=timedelta(minutes=30), description="most time for the trials")
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = Field(
        default=7, description="seed of random draws: the same data and seed give the same model"
    )
    propensity: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="whether audits and explored alerts weigh one over their probability of being"
        " shown, at most 20; auto: only if that surely ranks later days better",
    )
    accept: Accept = Field(
        default=Accept(), description="when to keep a model although it promises little"
    )
    when: When | None = Field(
        default=None,
        description="what triggers a training between the times of schedule.train, under serve",
        examples=["{drift: 0.25, precision_drop: 0.1, verdicts: 200}"],
    )


class Split(Part):
    """How to judge models beside the split by time."""

    hold_out: Annotated[list[FieldName], Field(max_length=1)] = Field(
        default=[], description="judge each value of this field by a model that never saw it"
    )


class Keep(Part):
    """Which scores are stored; all are counted."""

    top: PositiveShare = Field(default=0.01, description="share of the highest scores to store")
    sample: Share = Field(
        default=0.001, description="share of the others to store, as a seeded sample"
    )


class Write(Part):
    """What is written back."""

    keep: Keep = Field(default=Keep(), description="which scores are stored; all are counted")
    enrich: Literal["none", "event", "entity", "in_place"] = Field(
        default="none",
        description="where else to put stored scores, if the SIEM can: a lookup by event or by"
        " entity, or a field on the event itself",
    )
    copy_fields: list[FieldName] = Field(
        default=[], description="event fields copied onto each score"
    )


class Schedule(Part):
    """When each job is due, as cron lines in UTC."""

    score: CronLine = Field(default="*/5 * * * *", description="when new events are scored")
    train: CronLine = Field(default="0 3 * * 0", description="when a new version is trained")
    monitor: CronLine = Field(
        default="15 * * * *", description="when the detector's health is written to the SIEM"
    )


Selection = Annotated[dict[str, Any], Field(min_length=1)]


_EVENT, _GROUP = UNIT_TAGS


def _kind_of_unit(value: object) -> str:
    return _GROUP if isinstance(value, dict | GroupUnit) else _EVENT


Unit = Annotated[
    Annotated[Literal["event"], Tag(_EVENT)] | Annotated[GroupUnit, Tag(_GROUP)],
    Discriminator(_kind_of_unit),
]


class Detector(Part):
    """One detector file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_\-]{0,62}$")] = Field(
        description="name of the detector: small letters, digits, _ and -",
        examples=["suricata_triage"],
    )
    use_case: Literal["threat_detection", "incident_response", "vulnerability_management"] = Field(
        default="threat_detection", description="what the detector is for"
    )
    owner: str = Field(default="", description="whom to ask when something is wrong with it")
    unit: Unit = Field(
        default="event",
        description="what is scored, budgeted and judged: event, or a group of events",
        examples=["{group: [host.name, rule.id], every: 1m}"],
    )
    lag: Duration = Field(
        default=timedelta(minutes=5), description="an event that arrives later than this is late"
    )
    events: Annotated[dict[str, Selection], Field(min_length=1)] = Field(
        description="which events, as a selection in each SIEM's own language, without pipes",
        examples=["{local: {stream: alerts}}"],
    )
    entity: FieldName = Field(
        description="the field that alerts are capped and grouped by", examples=["source.ip"]
    )
    labels: Labels = Field(
        description="where labels come from and what they count as",
        examples=["{verdicts: {join: event}}"],
    )
    features: Annotated[list[EventFeature | WindowFeature], Field(min_length=1, max_length=500)] = (
        Field(description="the inputs of the model", examples=["[category: rule.id]"])
    )
    train: Train = Field(
        default=Train(), description="how far back to learn from, and with which algorithms"
    )
    split: Split = Field(
        default=Split(), description="how to judge models beside the split by time"
    )
    alerts: Alerts = Field(
        description="how many alerts the team can read, and how they look",
        examples=["{budget: 20/day}"],
    )
    gate: Gate = Field(default=Gate(), description="what a candidate has to pass before it scores")
    write: Write = Field(default=Write(), description="what is written back")
    schedule: Schedule = Field(default=Schedule(), description="when each job is due, in UTC")
    enabled: bool = Field(
        default=True,
        description="false: no events are scored, and its rule raises nothing; `scoreback pause`"
        " stops only its alerts",
    )
    locked: list[OverridableKey] = Field(
        default=[], description="keys that settings outside this file cannot change"
    )
    tests: list[FixtureTest] = Field(
        default=[],
        description="fixture events and what is expected of them, for `scoreback test`; a file"
        " NAME.tests.yml beside this one may have more",
    )

    @property
    def group(self) -> GroupUnit | None:
        """The unit if it is a group of events; None if each event is a unit."""
        return self.unit if isinstance(self.unit, GroupUnit) else None
