"""The values that layers exchange: columns for events, labels and scores, and frozen dataclasses.

Columns are Arrow record batches with a declared schema (`EVENT_COLUMNS`, `LABEL_COLUMNS`,
`SCORE_COLUMNS`). Times are UTC microseconds. Event fields are text under their ECS dotted names:
the feature language casts them, so that ``443``, ``"443"`` and a keyword mean the same everywhere.
A door may give float64 for fields that are used only as numbers, which saves a conversion to text
and back. A field with several values is one text too: see `scoreback.multivalue`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
FIELD_TYPES = (pa.string(), pa.float64())  # that event fields may have

# An event, or a unit of events that a detector groups. A unit's id is a digest of its key and
# window, its event_time is that of its last event, its arrival_time the moment when it closed.
EVENT_COLUMNS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),  # stable text id, unique in its stream
        # Where to write a score; only the event's door can read it. A unit's is JSON: `members_of`.
        pa.field("event_ref", pa.string(), nullable=False),
        pa.field("event_time", TIME, nullable=False),  # clamped: never after arrival_time
        pa.field("arrival_time", TIME, nullable=False),  # when the SIEM had it
    ]
)

UNKNOWN_LABELLER = "unknown"  # the labeller of a verdict if the SIEM does not name one

LABEL_COLUMNS = pa.schema(
    [
        pa.field("event_id", pa.string()),  # the event that was judged; null for an entity label
        pa.field("entity", pa.string()),  # with since and until: an entity label
        pa.field("since", TIME),
        pa.field("until", TIME),
        pa.field("verdict", pa.string(), nullable=False),  # a `Verdict`
        pa.field("label_time", TIME, nullable=False),  # when the label came to exist
        pa.field("labeller", pa.string(), nullable=False),  # or `UNKNOWN_LABELLER`
        pa.field("source", pa.string(), nullable=False),  # "verdict", "field", ...
        pa.field("propensity", pa.float64()),  # chance that a person was shown it; null: unknown
        pa.field("alert_id", pa.string()),  # the alert that was closed; null: judged without one
        pa.field("rule", pa.string()),  # the alert rule that raised it
        # True: from label_time on, all labels with the same `LABEL_IDENTITY` that are no later
        # than it are no longer valid.
        pa.field("withdrawn", pa.bool_(), nullable=False),
    ]
)
# Labels equal in these columns differ only in time; a withdrawal repeats them all.
LABEL_IDENTITY = (
    "event_id", "entity", "since", "until", "verdict", "labeller", "source", "alert_id",
)  # fmt: skip

SCORE_COLUMNS = pa.schema(
    [
        pa.field("score_id", pa.string(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),  # of the event, or of the unit
        pa.field("event_ref", pa.string(), nullable=False),  # of the event, or `members_of` a unit
        pa.field("event_time", TIME, nullable=False),
        pa.field("scored_at", TIME, nullable=False),  # rules read scores by this clock
        pa.field("entity", pa.string()),
        pa.field("detector", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),  # a `Stage`
        pa.field("score", pa.float64(), nullable=False),  # 0..1
        pa.field("risk", pa.float64(), nullable=False),  # 0..100; 47 at `least_precision`
        pa.field("threshold", pa.float64(), nullable=False),
        pa.field("alert", pa.bool_(), nullable=False),  # a hit that a SIEM's rules look at
        pa.field("reasons", pa.string()),  # JSON list; of hits only, also of those held back
        # The chance, in (0, 1], that people were shown it; null: it is not shown, or not known.
        pa.field("chance", pa.float64()),
    ]
)


class Verdict(StrEnum):
    """How an analyst closed an alert."""

    TRUE_POSITIVE = "true_positive"
    BENIGN_POSITIVE = "benign_positive"  # the rule was right, the activity is allowed
    FALSE_POSITIVE = "false_positive"
    UNDETERMINED = "undetermined"  # closed without a finding: unlabelled


class Stage(StrEnum):
    """Why a score was written; a rule raises alerts only from the scores of its own stage."""

    LIVE = "live"
    SHADOW = "shadow"
    AUDIT = "audit"  # a sample of events that raise no alert
    EXPLORE = "explore"  # events that only a shadow would alert on
    BACKFILL = "backfill"


SHOWN_STAGES = (Stage.LIVE, Stage.AUDIT, Stage.EXPLORE)  # those whose scores raise alerts


# A candidate waits, a shadow scores but raises no alerts, the champion raises alerts.
VersionStatus = Literal["candidate", "shadow", "champion", "retired"]


class Enrichment(StrEnum):
    """Where scores are written besides their own history, so that event searches find them."""

    NONE = "none"
    EVENT = "event"  # a lookup of events
    ENTITY = "entity"  # a lookup of entities, each with its latest stored score
    IN_PLACE = "in_place"  # a field on the event itself


class Severity(StrEnum):
    """Severity of an alert, in the words of both SIEMs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class _Columns:
    """A record batch whose first columns follow a declared schema; text columns may follow."""

    batch: pa.RecordBatch

    def __post_init__(self) -> None:
        """Does nothing: declared so that the dataclass calls the check of each kind of batch."""

    @property
    def num_rows(self) -> int:
        return int(self.batch.num_rows)

    def _check(self, schema: pa.Schema) -> None:
        for declared in schema:
            index = self.batch.schema.get_field_index(declared.name)
            if index < 0:
                raise ValueError(f"{type(self).__name__} lacks column {declared.name!r}")
            found = self.batch.schema.field(index).type
            if found != declared.type:
                raise ValueError(
                    f"{type(self).__name__}.{declared.name} is {found}, not {declared.type}"
                )
            if not declared.nullable and self.batch.column(index).null_count:
                raise ValueError(f"{type(self).__name__}.{declared.name} holds nulls")


class EventBatch(_Columns):
    """Events: `EVENT_COLUMNS`, then the requested fields; null where absent.

    Fields are text, except those used only as numbers, which may be float64
    (`EventQuery.numbers`).
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuse a batch whose declared columns are missing, mistyped or null."""
        self._check(EVENT_COLUMNS)
        for found in self.batch.schema:
            if found.name not in EVENT_COLUMNS.names and found.type not in FIELD_TYPES:
                raise ValueError(f"event field {found.name!r} is {found.type}, not text")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the event fields carried beside the declared columns."""
        return tuple(n for n in self.batch.schema.names if n not in EVENT_COLUMNS.names)


class LabelBatch(_Columns):
    """Labels: `LABEL_COLUMNS`."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuse a batch whose declared columns are missing, mistyped or null."""
        self._check(LABEL_COLUMNS)

    @classmethod
    def of(cls, columns: Mapping[str, pa.Array], rows: int) -> Self:
        """*rows* labels made of *columns*; a missing column is null, ``withdrawn`` then false."""
        absent = {"withdrawn": pa.repeat(pa.scalar(False), rows)}
        arrays = [
            columns[f.name] if f.name in columns else absent.get(f.name, pa.nulls(rows, f.type))
            for f in LABEL_COLUMNS
        ]
        return cls(pa.RecordBatch.from_arrays(arrays, schema=LABEL_COLUMNS))


def wrong_label(row: Mapping[str, Any]) -> str:
    """Why no door can accept *row* of a `LabelBatch` as a verdict; empty if it can."""
    if row["verdict"] not in list(Verdict):
        return f"verdict {row['verdict']!r} is unknown"
    if row["event_id"] is None and None in (row["entity"], row["since"], row["until"]):
        return "it names neither an event nor an entity with a time"
    return ""


class ScoreBatch(_Columns):
    """Scores: `SCORE_COLUMNS`, then copied event fields as text."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuse a batch whose declared columns are missing, mistyped or null."""
        self._check(SCORE_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A half-open range of time, ``[since, until)``; of arrival times where events are read."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse naive times and windows that end before they begin."""
        for name in ("since", "until"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"TimeWindow.{name} has no time zone")
        if self.until < self.since:
            raise ValueError(f"window ends ({self.until}) before it begins ({self.since})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to read, in the query language of one SIEM, and which of their fields."""

    selection: Mapping[str, object]  # e.g. {"stream": "alerts"} or {"index": ..., "query": ...}
    fields: tuple[str, ...]  # ECS dotted names
    numbers: frozenset[str] = frozenset()  # fields used only as numbers, never as text


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelQuery:
    """Which verdicts a detector learns from, and when one that names no event applies."""

    detector: str
    entity: str  # the event field that holds the entity of an entity label
    since: datetime  # label times from here on
    until: datetime | None = None  # and before here
    rules: tuple[str, ...] = ()  # only verdicts on alerts of these; empty: all verdicts
    # A finding that names an entity and one moment labels the entity this long before and after.
    window: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse naive times and a time that ends before it begins."""
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"the label query of {self.detector!r} has a time without a zone")
        if self.until is not None and self.until < self.since:
            raise ValueError(
                f"the label query of {self.detector!r} ends ({self.until}) before it begins"
            )


def audit_rule_name(detector: str) -> str:
    """The name of the rule that shows audits of *detector*; the dot keeps it unique."""
    return f"{detector}.audit"


def explore_rule_name(detector: str) -> str:
    """The name of the rule that shows events that only a shadow of *detector* would alert on."""
    return f"{detector}.explore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as an analyst sees it."""

    alert_id: str
    rule: str
    detector: str
    version: str
    entity: str | None
    event_id: str  # the event, or unit of events, that opened it
    event_time: datetime
    raised_at: datetime
    score: float
    risk: float
    severity: Severity
    events: int  # how many events, or units, it stands for, the opening one included
    reasons: str  # JSON list
    verdict: Verdict | None = None
    closed_at: datetime | None = None
    labeller: str | None = None
    tags: tuple[str, ...] = ()
    touched: bool = False  # an analyst has closed, reopened or otherwise changed it
    chance: float | None = None  # that its event was shown; None: raised before this was kept

    @property
    def is_audit(self) -> bool:
        """Whether it shows a sampled event that the detector did not alert on."""
        return self.rule == audit_rule_name(self.detector)

    @property
    def is_explored(self) -> bool:
        """Whether it shows an event that only a shadow would alert on."""
        return self.rule == explore_rule_name(self.detector)


EQUAL_EDGES = tuple(n / 20 for n in range(1, 20))  # of older histograms, which name no edges


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of all scores of one slice by hour of event time, kept or not."""

    histogram_id: str  # derived from detector, version, stage and slice: equal ids, equal content
    detector: str
    version: str
    stage: str
    since: datetime  # the slice, on the arrival clock
    until: datetime
    edges: tuple[float, ...]  # ascending, where one bin ends and the next begins
    counts: Mapping[str, Sequence[int]]  # hour, ISO 8601 → counts of the len(edges) + 1 bins


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One item that a SIEM refused, and why."""

    item_id: str
    reason: str
    document: str = ""  # as it was sent, so that it can be corrected and sent again


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """The result of a write: every item was written, already there, or refused."""

    written: int
    already_there: int = 0
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem of a connection or a detector, with its fix."""

    what: str
    fix: str
    fatal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One trained model of one detector, with its lineage."""

    detector: str
    version: str  # "v3-1f2e3d4c": number in the detector's history, start of the artefact hash
    status: VersionStatus
    artifact_hash: str
    algorithm: str
    trained_as_of: datetime
    created_at: datetime
    parent: str | None  # champion when it was trained
    row_hash: str  # of the training rows
    metrics: Mapping[str, float] = field(default_factory=dict)
    trained_because: str = ""  # empty: not known


def utc(moment: datetime) -> datetime:
    """*moment* in UTC; refuses a naive time.

    Raises:
        ValueError: *moment* has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)
