"""Raises alerts from new live scores: the embedded SIEM's rule engine."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from scoreback.connectors.local.rule_engine.rules import enabled_rules
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import segment_of
from scoreback.connectors.local.storage.store import LOOKUP_IDS, Store
from scoreback.deployment import AlertRule, RuleKind
from scoreback.health import HealthDocument, health_hits
from scoreback.records import SCORE_COLUMNS
from scoreback.suppression import DAY_US, OpenAlert, hits_of, place
from scoreback.times import micros

_COLUMNS = (
    "score_id", "event_id", "event_time", "entity", "detector", "version", "stage",
    "score", "risk", "alert", "reasons", "chance",
)  # fmt: skip


class RuleEngine:
    """The rule engine over the scores of one store."""

    def __init__(self, store: Store) -> None:
        """Raise alerts in *store*."""
        self._store = store

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        """Run the enabled rules on scores received since *since*; returns the alerts opened."""
        return evaluate(self._store, since=since, at=at)

    def evaluate_health(self, documents: Sequence[HealthDocument], *, at: datetime) -> int:
        """Run the enabled health rules on *documents*; returns the alerts opened."""
        with self._store.ledger.writing() as connection:
            rules = [rule for rule in enabled_rules(connection) if not rule.paused]
            return sum(
                _raise_alerts(connection, rule, health_hits(rule, documents), micros(at))
                for rule in rules
                if rule.kind is RuleKind.HEALTH
            )


def evaluate(store: Store, *, since: datetime, at: datetime) -> int:
    """Run every enabled rule on the scores that no rule has seen; returns how many alerts opened.

    All in one transaction: scores count as seen exactly when their alerts exist. After a rule
    changed, it looks at the latest scores again (see `rules`); a score still joins only one of its
    alerts.
    """
    fresh = _unseen(micros(since))
    with store.ledger.reading() as connection:
        if not connection.scalar(sa.select(sa.exists(fresh))):
            return 0
    with store.ledger.writing() as connection:
        unseen = [segment_of(row) for row in connection.execute(fresh)]
        rules = [rule for rule in enabled_rules(connection) if not rule.paused]
        opened = 0
        if unseen and rules:
            tables = [
                _hit_columns(pq.read_table(store.segments.intact(s), partitioning=None))
                for s in unseen
            ]
            scores = pa.concat_tables(tables)
            for rule in rules:
                opened += _raise_alerts(connection, rule, hits_of(rule, scores), micros(at))
        paths = [segment.path for segment in unseen]
        connection.execute(
            ledger.segments.update().where(ledger.segments.c.path.in_(paths)).values(evaluated=True)
        )
    return opened


def _unseen(since: int) -> sa.Select[tuple[object, ...]]:
    of = ledger.segments.c
    wanted = (of.kind == "scores", of.evaluated.is_(False), of.max_arrival >= since)
    return sa.select(ledger.segments).where(*wanted).order_by(of.segment_id)


def _hit_columns(table: pa.Table) -> pa.Table:
    """The columns that rules read; a segment does not store columns that are entirely empty."""
    for name in ("entity", "reasons", "chance"):
        if name not in table.column_names:
            kind = SCORE_COLUMNS.field(name).type
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table.select(list(_COLUMNS))


def _raise_alerts(connection: sa.Connection, rule: AlertRule, hits: pa.Table, at: int) -> int:
    """Open an alert for each hit or add it to one, as `scoreback.suppression` defines."""
    known = _in_alerts(connection, rule.name, hits)
    if known:
        ids = hits.column("score_id").to_pylist()
        hits = hits.filter(pa.array([score_id not in known for score_id in ids]))
    if not hits.num_rows:
        return 0
    placed = place(rule, hits, _alerts_of_days(connection, rule.name, hits))
    rows = list(_rows(hits))
    opened = [_alert(rule, placed.alerts[row], rows[row], at) for row in placed.new]
    joined = [
        {"alert_id": alert, **{name: row[name] for name in _MEMBER}}
        for alert, row in zip(placed.alerts, rows, strict=True)
    ]
    if opened:
        connection.execute(ledger.alerts.insert(), opened)
    connection.execute(ledger.alert_events.insert(), joined)
    return len(opened)


_MEMBER = ("score_id", "event_id", "event_time", "score")


def _in_alerts(connection: sa.Connection, rule: str, hits: pa.Table) -> set[str]:
    """Those of *hits* that already belong to an alert of *rule*."""
    member, alert = ledger.alert_events.c, ledger.alerts.c
    ids, found = hits.column("score_id").to_pylist(), set[str]()
    for start in range(0, len(ids), LOOKUP_IDS):
        some = member.score_id.in_(ids[start : start + LOOKUP_IDS])
        joined = sa.select(member.score_id).join(ledger.alerts, alert.alert_id == member.alert_id)
        found.update(connection.scalars(joined.where(alert.rule == rule, some)))
    return found


def _alerts_of_days(connection: sa.Connection, rule: str, hits: pa.Table) -> Iterator[OpenAlert]:
    """The rule's alerts that opened on the days of *hits*."""
    times = hits.column("event_time").cast(pa.int64()).to_numpy()
    first = int(times[0]) // DAY_US * DAY_US
    after = (int(times[-1]) // DAY_US + 1) * DAY_US
    of = ledger.alerts.c
    query = (
        sa.select(of.alert_id, of.entity, of.event_time)
        .where(of.rule == rule, of.event_time >= first, of.event_time < after)
        .order_by(of.event_time, of.alert_id)
    )
    for row in connection.execute(query).mappings():
        yield OpenAlert(**row)


def _rows(hits: pa.Table) -> Iterator[dict[str, object]]:
    index = hits.column_names.index("event_time")
    yield from hits.set_column(
        index, "event_time", hits.column("event_time").cast(pa.int64())
    ).to_pylist()


def _alert(rule: AlertRule, alert_id: str, hit: Mapping[str, object], at: int) -> dict[str, object]:
    return {
        "alert_id": alert_id,
        "rule": rule.name,
        "detector": rule.detector,
        "version": hit["version"],
        "entity": hit["entity"],
        "event_id": hit["event_id"],
        "event_time": hit["event_time"],
        "raised_at": at,
        "score": hit["score"],
        "risk": hit["risk"],
        "severity": rule.severity.value,
        "reasons": hit["reasons"] or "[]",
        "chance": hit["chance"],
    }
