"""The double's alert queue: rules, alerts and verdicts in a small database that is always exact.

Even a SIEM that shows data late knows at once how its own rules and alerts are.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from scoreback.connectors.closings import (
    Closing,
    next_time,
    refuse_before_event,
    repeated,
    standing,
)
from scoreback.connectors.doors import AlertQuery
from scoreback.deployment import (
    AlertRule,
    Delivery,
    Found,
    Reads,
    RuleKind,
    Standing,
    Suppress,
    rule_body,
    rule_from,
)
from scoreback.errors import SiemRefused
from scoreback.health import HealthDocument, health_hits
from scoreback.records import (
    LABEL_COLUMNS,
    Alert,
    LabelBatch,
    LabelQuery,
    Severity,
    Verdict,
)
from scoreback.suppression import OpenAlert, hits_of, place
from scoreback.times import micros, moment
from tests.contract.double.data import SCORE, VERDICT, _batch
from tests.contract.double.log import Log

_TABLES = """
    CREATE TABLE IF NOT EXISTS rules (name TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS alerts (alert_id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS members
        (rule TEXT, score_id TEXT, alert_id TEXT, PRIMARY KEY (rule, score_id));
    CREATE TABLE IF NOT EXISTS verdicts (n INTEGER PRIMARY KEY, alert_id TEXT, body TEXT NOT NULL);
"""
_MOMENTS = ("event_time", "raised_at", "closed_at")


class Queue:
    """Rules, the engine that runs them, alerts, and what analysts say: four doors in one."""

    suppresses = frozenset(Suppress)
    delivers = (Delivery.FINDING,)
    reads = frozenset({Reads.SCORES})

    def __init__(self, log: Log) -> None:
        self._log, self._path = log, log.folder / "queue.sqlite"
        with self._open() as database:
            database.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            yield database
            if database.in_transaction:
                database.execute("COMMIT")
        finally:
            database.close()

    # Rules

    def current(self, name: str) -> AlertRule | None:
        with self._open() as database:
            row = database.execute("SELECT body FROM rules WHERE name = ?", [name]).fetchone()
        return None if row is None else _rule(row[0])

    def standing(self, wanted: AlertRule) -> Found:
        rule = self.current(wanted.name)
        if rule is None:
            return Found(standing=Standing.ABSENT)
        if rule == wanted:
            return Found(standing=Standing.CURRENT)
        there, will = asdict(rule), asdict(wanted)
        differences = tuple(k for k in there if there[k] != will[k])
        return Found(standing=Standing.OUTDATED, differences=differences)

    def apply(self, wanted: AlertRule) -> None:
        body = json.dumps(rule_body(wanted))
        with self._open() as database:
            database.execute("REPLACE INTO rules VALUES (?, ?)", [wanted.name, body])

    def remove(self, name: str) -> None:
        with self._open() as database:
            database.execute("DELETE FROM rules WHERE name = ?", [name])

    # The engine

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        first = {
            score["score_id"]: score
            for score in self._log.seen(SCORE)
            if score["received"] >= micros(since)
        }
        scores = pa.Table.from_pylist(list(first.values())) if first else None
        opened = 0
        with self._open() as database:
            rules = [_rule(row[0]) for row in database.execute("SELECT body FROM rules")]
            for rule in rules:
                if scores is not None and not rule.paused:
                    opened += self._raise(database, rule, hits_of(rule, scores), at)
        return opened

    def evaluate_health(self, documents: Sequence[HealthDocument], *, at: datetime) -> int:
        with self._open() as database:
            rules = [_rule(row[0]) for row in database.execute("SELECT body FROM rules")]
            return sum(
                self._raise(database, rule, _in_micros(health_hits(rule, documents)), at)
                for rule in rules
                if rule.kind is RuleKind.HEALTH and not rule.paused
            )

    def _raise(
        self, database: sqlite3.Connection, rule: AlertRule, scores: pa.Table, at: datetime
    ) -> int:
        known = database.execute("SELECT score_id FROM members WHERE rule = ?", [rule.name])
        joined = {row[0] for row in known}
        fresh = [score_id not in joined for score_id in scores["score_id"].to_pylist()]
        scores = scores.filter(pa.array(fresh, pa.bool_()))
        alerts = [json.loads(row[0]) for row in database.execute("SELECT body FROM alerts")]
        before = sorted(
            (
                OpenAlert(**{k: a[k] for k in ("alert_id", "entity", "event_time")})
                for a in alerts
                if a["rule"] == rule.name
            ),
            key=lambda alert: (alert.event_time, alert.alert_id),
        )
        placed = place(rule, scores, before)
        for position, row in enumerate(scores.to_pylist()):
            name = placed.alerts[position]
            if position in placed.new:
                _store(database, _opened(rule, name, row, at))
            database.execute(
                "INSERT INTO members VALUES (?, ?, ?)", [rule.name, row["score_id"], name]
            )
        return len(placed.new)

    # Alerts

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:  # noqa: B008 - frozen
        with self._open() as database:
            found = [_alert(row[0]) for row in database.execute("SELECT body FROM alerts")]
        for alert in sorted(found, key=lambda a: (a.event_time, a.alert_id)):
            window = query.window
            inside = window is None or window.since <= alert.event_time < window.until
            mine = query.detector in (None, alert.detector)
            wanted = alert.verdict is None or not query.still_open
            if inside and mine and wanted and query.version in (None, alert.version):
                yield alert

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        with self._open() as database:
            alert, history = _one(database, alert_id), _history(database, alert_id)
            refuse_before_event(_alert(json.dumps(alert)), at)
            again = repeated(history, verdict, labeller)
            label_time = again.label_time if again else next_time(history, at)
            if again is None:
                _say(database, alert, verdict, labeller, label_time, withdrawn=False)
            change = {"verdict": verdict, "labeller": labeller, "closed_at": micros(label_time)}
            return _store(database, alert | change | {"touched": True})

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        with self._open() as database:
            alert, history = _one(database, alert_id), _history(database, alert_id)
            for place in standing(history):
                one = history[place]
                end = next_time(history, at)
                _say(database, alert, one.verdict, one.labeller, end, withdrawn=True)
            cleared = dict.fromkeys(("verdict", "labeller", "closed_at"))
            return _store(database, alert | cleared | {"touched": True})

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        count = 0
        with self._open() as database:
            for name in alert_ids:
                row = database.execute("SELECT body FROM alerts WHERE alert_id = ?", [name])
                for (body,) in row.fetchall():
                    alert = json.loads(body)
                    if tag not in alert["tags"]:
                        _store(database, alert | {"tags": [*alert["tags"], tag]})
                        count += 1
        return count

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        count = 0
        with self._open() as database:
            for name in alert_ids:
                row = database.execute("SELECT body FROM alerts WHERE alert_id = ?", [name])
                for (body,) in row.fetchall():
                    alert = json.loads(body)
                    if tag in alert["tags"]:
                        left = [one for one in alert["tags"] if one != tag]
                        _store(database, alert | {"tags": left})
                        count += 1
        return count

    # Labels

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        with self._open() as database:
            rows = [json.loads(r[0]) for r in database.execute("SELECT body FROM verdicts")]
        rows += {json.dumps(r, sort_keys=True): r for r in self._log.seen(VERDICT)}.values()
        until = None if query.until is None else micros(query.until)
        chosen = [
            row
            for row in rows
            if row["label_time"] >= micros(query.since)
            and (until is None or row["label_time"] < until)
            and (not query.rules or row.get("rule") in query.rules)
        ]
        if chosen:
            chosen.sort(key=lambda row: row["label_time"])
            yield LabelBatch(_batch(chosen, LABEL_COLUMNS))


def _in_micros(hits: pa.Table) -> pa.Table:
    place = hits.column_names.index("event_time")
    return hits.set_column(place, "event_time", hits["event_time"].cast(pa.int64()))


def _rule(text: str) -> AlertRule:
    return rule_from(json.loads(text))


def _opened(rule: AlertRule, name: str, row: dict[str, Any], at: datetime) -> dict[str, Any]:
    copied = ("entity", "event_id", "event_time", "score", "risk")
    return {
        "alert_id": name, "rule": rule.name, "detector": rule.detector, "version": row["version"],
        **{key: row[key] for key in copied}, "raised_at": micros(at),
        "severity": rule.severity, "events": 1, "reasons": row["reasons"] or "[]", "verdict": None,
        "closed_at": None, "labeller": None, "tags": [], "touched": False, "chance": row["chance"],
    }  # fmt: skip


def _store(database: sqlite3.Connection, alert: dict[str, Any]) -> Alert:
    body = json.dumps(alert)
    database.execute("REPLACE INTO alerts VALUES (?, ?)", [alert["alert_id"], body])
    return _alert(body)


def _alert(text: str) -> Alert:
    body = json.loads(text)
    times = {k: None if body[k] is None else moment(body[k]) for k in _MOMENTS}
    words = {
        "severity": Severity(body["severity"]),
        "verdict": None if body["verdict"] is None else Verdict(body["verdict"]),
        "tags": tuple(body["tags"]),
    }
    known = {field.name for field in fields(Alert)}
    return Alert(**{k: v for k, v in {**body, **times, **words}.items() if k in known})


def _one(database: sqlite3.Connection, alert_id: str) -> dict[str, Any]:
    row = database.execute("SELECT body FROM alerts WHERE alert_id = ?", [alert_id]).fetchone()
    if row is None:
        raise SiemRefused(f"no alert has id {alert_id!r}", hint="list the alerts")
    body: dict[str, Any] = json.loads(row[0])
    return body


def _history(database: sqlite3.Connection, alert_id: str) -> list[Closing]:
    sql = "SELECT body FROM verdicts WHERE alert_id = ?"
    rows = [json.loads(row[0]) for row in database.execute(sql, [alert_id])]
    rows.sort(key=lambda row: row["label_time"])
    return [
        Closing(
            verdict=row["verdict"],
            labeller=row["labeller"],
            label_time=moment(row["label_time"]),
            withdrawn=row["withdrawn"],
        )
        for row in rows
    ]


def _say(
    database: sqlite3.Connection,
    alert: dict[str, Any],
    verdict: str,
    labeller: str,
    at: datetime,
    *,
    withdrawn: bool,
) -> None:
    row = {
        "event_id": alert["event_id"], "verdict": verdict, "label_time": micros(at),
        "labeller": labeller, "source": "verdict", "alert_id": alert["alert_id"],
        "rule": alert["rule"], "withdrawn": withdrawn,
    }  # fmt: skip
    values = [alert["alert_id"], json.dumps(row)]
    database.execute("INSERT INTO verdicts (alert_id, body) VALUES (?, ?)", values)
