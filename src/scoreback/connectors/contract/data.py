"""What the contract checks use: a subject, the events it is seeded with, and their scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pyarrow as pa

from scoreback.connectors.doors import (
    BATCH_ROWS,
    AlertQuery,
    AlertsDoor,
    Connector,
    HealthDoor,
    RulesDoor,
    ScoreQuery,
    Slice,
)
from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused
from scoreback.naming import Members, score_id, unit_ref
from scoreback.records import (
    LABEL_COLUMNS,
    SCORE_COLUMNS,
    TIME,
    EventBatch,
    EventQuery,
    LabelBatch,
    LabelQuery,
    ScoreBatch,
    Severity,
    TimeWindow,
    WriteReport,
)

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIELDS = ("source.ip", "rule.id")
# the probability with which a score of the stage was shown
_CHANCES = {"audit": 0.0625, "explore": 0.25}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A connector under test: connected to a SIEM without events, alerts or rules."""

    connector: Connector
    seed: Callable[[EventBatch], None]  # puts events where `selection` finds them
    selection: Mapping[str, object]
    unknown_selection: Mapping[str, object]  # valid, but for events that do not exist
    settle: Callable[[], None] = field(default=lambda: None)  # waits until writes can be read
    # returns the current time
    now: Callable[[], datetime] = field(default=lambda: START + timedelta(days=2))
    # Puts verdicts on no alert of Scoreback's where the connector reads labels; None: not possible.
    judge: Callable[[LabelBatch], None] | None = None
    hand: "UsersHand | None" = None  # changes rules in the SIEM; None: only Scoreback can


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersHand:
    """What a user does in the SIEM to the rule with a given name."""

    switch_off: Callable[[str], None]
    is_on: Callable[[str], bool]
    edit: Callable[[str], None] | None = None  # edits what Scoreback wrote; None: not possible


def arrival_of(number: int) -> datetime:
    """When event *number* arrives."""
    return START + timedelta(seconds=number)


def event_ids(numbers: Sequence[int] | range) -> list[str]:
    """The ids of events by number."""
    return [f"e{n:05d}" for n in numbers]


def seed_events(subject: Subject, count: int) -> None:
    """Event n arrives at second n; odd ones happened an hour earlier; each tenth lacks a rule."""
    numbers = range(count)
    arrival = [arrival_of(n) for n in numbers]
    columns = {
        "event_id": pa.array(event_ids(numbers)),
        "event_ref": pa.array([""] * count),
        "event_time": pa.array([t - timedelta(hours=n % 2) for n, t in enumerate(arrival)], TIME),
        "arrival_time": pa.array(arrival, TIME),
        "source.ip": pa.array([f"10.0.0.{n % 7}" for n in numbers]),
        "rule.id": pa.array([f"r{n}" if n % 10 else None for n in numbers]),
    }
    # In two writes and out of order, as events reach a SIEM.
    for half in (range(count - 1, count // 2 - 1, -1), range(count // 2)):
        rows = pa.table(columns).take(pa.array(half, pa.int64())).combine_chunks()
        subject.seed(EventBatch(rows.to_batches()[0]))
    subject.settle()


def query_of(subject: Subject) -> EventQuery:
    """A query for all seeded events with their fields."""
    return EventQuery(selection=subject.selection, fields=FIELDS)


def read_all(subject: Subject, slices: Sequence[Slice]) -> dict[str, list[Any]]:
    """The slices' events as lists by column; also checks the size and fields of each batch."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("event_id", "event_ref", "event_time", "arrival_time", *FIELDS)
    }
    for piece in slices:
        for batch in subject.connector.events.read(piece):
            expect(0 < batch.num_rows <= BATCH_ROWS, f"a batch has {batch.num_rows} rows")
            expect(batch.fields == piece.query.fields, f"a batch has fields {batch.fields}")
            for name, values in found.items():
                values.extend(batch.batch.column(name).to_pylist())
    return found


def scores_of(
    subject: Subject, numbers: range, *, stage: str = "live", version: str = "v1-aa"
) -> ScoreBatch:
    """Scores of seeded events; those from event 10 on should alert."""
    window = TimeWindow(since=START, until=START + DAY)
    found = read_all(subject, subject.connector.events.slices(query_of(subject), window))
    refs = dict(zip(found["event_id"], found["event_ref"], strict=True))
    times = dict(zip(found["event_id"], found["event_time"], strict=True))
    high = [n >= 10 for n in numbers]
    ids = event_ids(numbers)
    columns = {
        "score_id": [score_id("contract", version, stage, subject.connector.name, i) for i in ids],
        "event_id": ids,
        "event_ref": [refs[i] for i in ids],
        "event_time": [times[i] for i in ids],
        "scored_at": [START + DAY] * len(ids),
        "entity": [f"host-{n}" for n in numbers],
        "detector": ["contract"] * len(ids),
        "version": [version] * len(ids),
        "stage": [stage] * len(ids),
        "score": [0.9 if h else 0.1 for h in high],
        "risk": [90.0 if h else 5.0 for h in high],
        "threshold": [0.5] * len(ids),
        "alert": high,
        "reasons": ['["it is a contract"]' if h else None for h in high],
        "chance": [_CHANCES.get(stage, 1.0) if h else None for h in high],
    }
    arrays = [pa.array(columns[f.name], f.type) for f in SCORE_COLUMNS]
    return ScoreBatch(pa.RecordBatch.from_arrays(arrays, schema=SCORE_COLUMNS))


def unit_score_of(subject: Subject, numbers: range) -> ScoreBatch:
    """One score of a unit that consists of seeded events."""
    events = scores_of(subject, numbers).batch
    pairs = zip(*(events.column(n).to_pylist() for n in ("event_ref", "event_id")), strict=True)
    ref = unit_ref(Members(events=events.num_rows, named=tuple(pairs)))
    named = {"score_id": "contract-unit-score", "event_id": "contract-unit", "event_ref": ref}
    unit = events.slice(0, 1)
    for name, value in named.items():
        unit = unit.set_column(unit.schema.get_field_index(name), name, pa.array([value]))
    return ScoreBatch(unit)


def contract_rule() -> AlertRule:
    """A rule for the scores that `scores_of` gives to events from 10 on."""
    return AlertRule(
        name="contract",
        detector="contract",
        version="v1-aa",
        per_entity=3,
        throttle=timedelta(hours=1),
        budget=20.0,
        severity=Severity.HIGH,
    )


def write(subject: Subject, scores: ScoreBatch) -> WriteReport:
    """Write *scores* now."""
    return subject.connector.scores.write(scores, at=subject.now())


def read_scores(subject: Subject) -> list[dict[str, Any]]:
    """All scores of the contract's detector that a reader sees, as rows."""
    window = TimeWindow(since=START - DAY, until=START + DAY)
    query = ScoreQuery(detector="contract", window=window)
    return [row for b in subject.connector.scores.read(query) for row in b.batch.to_pylist()]


def raise_alerts(subject: Subject) -> None:
    """Wait until rules can see the scores, then run Scoreback's rules on the last ten minutes."""
    subject.settle()
    engine = subject.connector.rule_engine
    if engine is not None:
        now = subject.now()
        engine.evaluate(since=now - LOOK_BACK, at=now)
        subject.settle()


def raise_one_alert(subject: Subject) -> str:
    """Seed and score event 10 and raise its alert; returns the alert's id."""
    seed_events(subject, 20)
    rules(subject).apply(contract_rule())
    write(subject, scores_of(subject, range(10, 11)))
    raise_alerts(subject)
    found = list(alerts(subject).find(AlertQuery(still_open=True)))
    expect(len(found) == 1, f"one score that should alert raised {len(found)} alerts")
    return found[0].alert_id


def rules(subject: Subject) -> RulesDoor:
    """The rules door; raises `NoDoor` where there is none."""
    return _there(subject.connector.rules)


def alerts(subject: Subject) -> AlertsDoor:
    """The alerts door; raises `NoDoor` where there is none."""
    return _there(subject.connector.alerts)


def health(subject: Subject) -> HealthDoor:
    """The health door; raises `NoDoor` where there is none."""
    return _there(subject.connector.health)


def labels_of(
    subject: Subject,
    since: datetime,
    until: datetime | None = None,
    rules: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """The labels since *since* as rows; also checks the size and order of each batch."""
    query = LabelQuery(
        detector="contract", entity="source.ip", since=since, until=until, rules=rules
    )
    found: list[dict[str, Any]] = []
    for batch in _there(subject.connector.labels).read(query):
        expect(0 < batch.num_rows <= BATCH_ROWS, f"a batch has {batch.num_rows} labels")
        found.extend(batch.batch.to_pylist())
    times = [row["label_time"] for row in found]
    expect(times == sorted(times), "labels are not in order of time")
    return found


def judged(rows: Sequence[Mapping[str, object]]) -> LabelBatch:
    """Verdicts as a batch, from rows with all columns of a label."""
    columns = {f.name: pa.array([row[f.name] for row in rows], f.type) for f in LABEL_COLUMNS}
    return LabelBatch.of(columns, len(rows))


class NoDoor(Exception):
    """The connection lacks this door, so the check does not apply."""


_Door = TypeVar("_Door")


def _there(door: _Door | None) -> _Door:
    if door is None:
        raise NoDoor
    return door


def expect_refused(call: Callable[[], object]) -> SiemRefused:
    """The refusal that *call* must raise."""
    try:
        call()
    except SiemRefused as error:
        return error
    raise AssertionError("it was not refused")


def expect(truth: bool, otherwise: str) -> None:
    """Fail with the sentence *otherwise* unless *truth* holds."""
    if not truth:
        raise AssertionError(otherwise)
