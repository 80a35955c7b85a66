"""Alert rules and resources that we deploy in a SIEM, and their state there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from scoreback.portable.model import PortableModel
from scoreback.records import Enrichment, Severity, Stage
from scoreback.times import span

MODEL = "portable_model"  # the kind of a resource that is one


class Delivery(StrEnum):
    """What an alert becomes for analysts."""

    FINDING = "finding"  # an alert of its own
    RISK = "risk"  # a contribution to the risk of its entity
    RANK = "rank"  # an order within an existing queue


class Suppress(StrEnum):
    """What can keep a hit from becoming a separate alert."""

    PER_ENTITY = "per_entity"  # a cap of alerts for an entity and day
    THROTTLE = "throttle"  # hits of an entity that follow an alert closely


class Reads(StrEnum):
    """What a rule over a detector's scores reads."""

    SCORES = "scores"
    EVENTS = "events"  # those with a score beside them that is to alert: `Enrichment.EVENT`


class RuleKind(StrEnum):
    """What an alert rule is about."""

    SCORE = "score"  # scores of one detector
    HEALTH = "health"  # health documents of all detectors; no analyst's verdict on it is a label


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """What a SIEM needs to raise alerts from one detector's scores, or about its health.

    Each score says whether it is a hit (its ``alert``), as the threshold moves within the day.
    """

    name: str
    detector: str
    version: str  # version of the scores it reads; empty: any version
    per_entity: int  # alerts per entity and UTC day; further hits join the last of them
    throttle: timedelta  # hits of an entity within it join that entity's open alert
    budget: float  # alerts a day that the threshold is paced to
    severity: Severity
    owner: str = ""
    description: str = ""
    entity_field: str = ""  # whose value is a score's entity; what alerts are grouped by
    delivery: Delivery = Delivery.FINDING
    paused: bool = False  # by us; users may switch it off independently
    notes: str = ""  # for the analyst who gets the alert
    attack: tuple[str, ...] = ()  # MITRE ATT&CK technique ids
    kind: RuleKind = RuleKind.SCORE
    use_case: str = ""  # as in the detector file
    reads: Reads = Reads.SCORES
    selection: Mapping[str, object] = field(default_factory=dict, hash=False)  # of `Reads.EVENTS`
    stage: Stage = Stage.LIVE  # of the scores; those of audits are a sample of what is below

    def __post_init__(self) -> None:
        """Refuse a rule that no SIEM could run."""
        if self.per_entity < 1:
            raise ValueError(f"rule {self.name!r}: per_entity {self.per_entity} is not >= 1")
        if (self.reads is Reads.EVENTS) != bool(self.selection):
            raise ValueError(f"rule {self.name!r}: events are read by a selection, scores without")


def rule_body(rule: AlertRule) -> dict[str, Any]:
    """*rule* as JSON, for SIEMs that keep rules as documents."""
    body = {
        **asdict(rule),
        "throttle": span(rule.throttle),
        "severity": rule.severity.value,
        "delivery": rule.delivery.value,
        "attack": list(rule.attack),
        "kind": rule.kind.value,
        "reads": rule.reads.value,
        "stage": rule.stage.value,
    }
    if rule.kind is RuleKind.SCORE:  # older versions wrote none, and their rules must not change
        del body["kind"]
    if not rule.use_case:
        del body["use_case"]
    if rule.reads is Reads.SCORES:
        del body["reads"], body["selection"]
    if rule.stage is Stage.LIVE:
        del body["stage"]
    return body


def rule_from(body: Mapping[str, Any]) -> AlertRule:
    """The rule that `rule_body` wrote; what older versions did not write gets its default.

    They wrote a threshold, which is ignored, as each score now says whether it is a hit.

    Raises:
        KeyError, TypeError, ValueError: somebody changed it, and it is no longer a rule.
    """
    known = {key: value for key, value in body.items() if key != "threshold"}
    return AlertRule(
        **{
            **known,
            "throttle": timedelta(microseconds=body["throttle"]),
            "severity": Severity(body["severity"]),
            "delivery": Delivery(body.get("delivery", Delivery.FINDING)),
            "attack": tuple(body["attack"]),
            "kind": RuleKind(body.get("kind", RuleKind.SCORE)),
            "reads": Reads(body.get("reads", Reads.SCORES)),
            "stage": Stage(body.get("stage", Stage.LIVE)),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a connection needs in its SIEM: a template, a policy, an index, a lookup."""

    kind: str  # the SIEM's own term, for example "index_template"
    name: str
    body: Mapping[str, object]  # in the SIEM's format, without our mark of ownership
    holds_data: bool = False  # removing it removes stored data
    detector: str = ""  # the detector it belongs to; empty: the connection
    version: str = ""  # of the detector's model, where it goes with one


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResource(Resource):
    """A model with which the SIEM itself scores; it must pass the gate before it is deployed."""

    model: PortableModel  # as the SIEM reads it back
    digest: str  # of what the SIEM keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePoint:
    """The model with which a SIEM itself scores a detector's events, or why it does not."""

    detector: str
    entity_field: str
    version: str
    digest: str = ""  # of the model, as its `ModelResource` has it
    threshold: float = 1.0  # in force
    cut: float = 0.0  # the same as log-odds
    why: str = ""  # it cannot
    updated_at: datetime = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorNeeds:
    """What a connection must know of a detector to say what it needs in the SIEM for it."""

    detector: str
    version: str  # that scores
    entity_field: str
    selection: Mapping[str, object]  # of its events, in the SIEM's words
    enriches: frozenset[Enrichment]
    model: PortableModel | None = None  # of that version, where it is portable


class Standing(StrEnum):
    """The current state of something that we deploy in a SIEM."""

    ABSENT = "absent"
    CURRENT = "current"  # ours, and up to date
    AWAITED = "awaited"  # missing, and nothing to do: the SIEM creates it with the first document
    OUTDATED = "outdated"  # ours, from an earlier version or another setting
    EDITED = "edited"  # ours, and changed by somebody since we wrote it
    FOREIGN = "foreign"  # somebody else's, under our name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What `Deployer.standing` found, with the differences in words: path, current, wanted."""

    standing: Standing
    differences: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()  # what is wanted but not supported by the SIEM, a sentence each
