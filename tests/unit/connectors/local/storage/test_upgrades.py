"""A ledger of an earlier version is brought up to date in place, and keeps every verdict."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.storage.verdict_key import verdict_key
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused
from scoreback.records import TIME, LabelBatch, LabelQuery, ScoreBatch, Severity, Verdict
from tests.unit.connectors.local.raising import score

START = datetime(2024, 3, 1, tzinfo=UTC)
RULE = AlertRule(
    name="r", detector="d", version="v1-aa", threshold=0.5, per_entity=99,
    throttle=timedelta(0), budget=20.0, severity=Severity.LOW,
)  # fmt: skip
AGES_AGO = """
    DROP TABLE verdicts;
    CREATE TABLE verdicts (
        verdict_id INTEGER NOT NULL, verdict_key TEXT NOT NULL, alert_id TEXT, event_id TEXT,
        entity TEXT, since INTEGER, until INTEGER, verdict TEXT NOT NULL,
        label_time INTEGER NOT NULL, labeller TEXT NOT NULL, source TEXT NOT NULL,
        propensity FLOAT, withdrawn_at INTEGER,
        PRIMARY KEY (verdict_id), UNIQUE (verdict_key)
    );
    CREATE INDEX verdicts_by_alert ON verdicts (alert_id);
    CREATE INDEX verdicts_by_time ON verdicts (label_time, verdict_id);
    ALTER TABLE segments DROP COLUMN sources;
    ALTER TABLE alerts DROP COLUMN tags;
    ALTER TABLE histograms DROP COLUMN edges;
    DROP INDEX alert_events_by_score;
    ALTER TABLE segments DROP COLUMN sources;
    DROP TABLE retired;
    UPDATE meta SET value = '1' WHERE key = 'schema';
"""
Verdicts = list[tuple[str | None, str, str, int, int | None]]  # alert, event, verdict, given, ended


@contextmanager
def ledger(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "siem.sqlite")) as file, file:
        yield file


@pytest.fixture
def old(tmp_path: Path, make_scores: Callable[..., ScoreBatch]) -> Path:
    """A SIEM of schema 1 with one alert."""
    siem = LocalConnector.open("t", {"path": str(tmp_path)})
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, "a")]))
    with ledger(tmp_path) as file:
        file.executescript(AGES_AGO)
    return tmp_path


def alert_of(folder: Path) -> str:
    with ledger(folder) as file:
        (found,) = file.execute("SELECT alert_id FROM alerts").fetchone()
    return str(found)


def tell(folder: Path, verdicts: Verdicts) -> None:
    with ledger(folder) as file:
        for alert, event, verdict, given, ended in verdicts:
            row = {"alert_id": alert, "event_id": event, "verdict": verdict, "label_time": given,
                   "labeller": "ada", "source": "verdict"}  # fmt: skip
            file.execute(
                "INSERT INTO verdicts (verdict_key, alert_id, event_id, verdict, label_time,"
                " withdrawn_at, labeller, source) VALUES (?, ?, ?, ?, ?, ?, 'ada', 'verdict')",
                (verdict_key(row), alert, event, verdict, given, ended),
            )


def labels(siem: LocalConnector) -> list[tuple[object, ...]]:
    query = LabelQuery(detector="d", entity="h", since=datetime(1970, 1, 1, tzinfo=UTC))
    return [
        (r["event_id"], r["verdict"], round(r["label_time"].timestamp() * 1e6), r["rule"],
         r["withdrawn"])
        for batch in siem.labels.read(query)
        for r in batch.batch.to_pylist()
    ]  # fmt: skip


def test_verdicts_of_schema_1_are_kept_and_withdrawn_ones_become_told(old: Path) -> None:
    alert = alert_of(old)
    tell(old, [
        (alert, "e0", "false_positive", 10, 30),
        (None, "e5", "true_positive", 20, None),
        (alert, "e0", "true_positive", 40, None),
    ])  # fmt: skip
    expected = [
        ("e0", "false_positive", 10, "r", False),
        ("e5", "true_positive", 20, None, False),
        ("e0", "false_positive", 30, "r", True),
        ("e0", "true_positive", 40, "r", False),
    ]
    for _ in range(2):
        siem = LocalConnector.open("t", {"path": str(old)})
        assert labels(siem) == expected
    at = START + timedelta(days=1)
    siem.alerts.close(alert, Verdict.TRUE_POSITIVE, labeller="ada", at=at)
    assert labels(siem) == expected  # it stands already
    siem.alerts.reopen(alert, at=at)
    assert [row[4] for row in labels(siem)] == [False, False, True, False, True]


def test_a_verdict_that_was_given_again_under_a_clock_set_back_still_stands(old: Path) -> None:
    alert = alert_of(old)
    tell(old, [(alert, "e0", "false_positive", 10, 30), (alert, "e0", "false_positive", 11, None)])
    found = labels(LocalConnector.open("t", {"path": str(old)}))
    assert [(row[2], row[4]) for row in found] == [(10, False), (10, True), (11, False)]


def test_an_imported_verdict_of_schema_1_is_not_taken_in_again(old: Path) -> None:
    tell(old, [(None, "e5", "true_positive", 20, None)])
    columns = {
        "event_id": pa.array(["e5"]),
        "verdict": pa.array(["true_positive"]),
        "label_time": pa.array([20], pa.int64()).cast(TIME),
        "labeller": pa.array(["ada"]),
        "source": pa.array(["verdict"]),
    }
    siem = LocalConnector.open("t", {"path": str(old)})
    assert siem.intake.add_verdicts(LabelBatch.of(columns, 1)).already_there == 1


def test_a_schema_that_is_none_of_ours_is_refused(old: Path) -> None:
    for schema in ("0", "99", "two"):
        with ledger(old) as file:
            file.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (schema,))
        with pytest.raises(SiemRefused, match=f"has schema {schema}"):
            LocalConnector.open("t", {"path": str(old)})
