"""A ledger of an earlier version is brought up to date in place, and keeps every verdict."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.storage.verdict_key import verdict_key
from scoreback.errors import SiemRefused
from scoreback.records import TIME, LabelBatch, LabelQuery, Severity, Verdict

START = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
ALERT = "0ff11908be12be4d5ea293ca"
Verdicts = list[tuple[str | None, str, str, int, int | None]]  # alert, event, verdict, given, ended


@contextmanager
def ledger(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "siem.sqlite")) as file, file:
        yield file


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A SIEM of the first schema with a rule and one alert of it."""
    with ledger(tmp_path) as file:
        file.executescript(SCHEMA_1.read_text(encoding="utf-8"))
    return tmp_path


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
    tell(old, [
        (ALERT, "e0", "false_positive", 10, 30),
        (None, "e5", "true_positive", 20, None),
        (ALERT, "e0", "true_positive", 40, None),
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
    assert [one.chance for one in siem.alerts.find()] == [None]
    siem.alerts.close(ALERT, Verdict.TRUE_POSITIVE, labeller="ada", at=at)
    assert labels(siem) == expected  # it stands already
    siem.alerts.reopen(ALERT, at=at)
    assert [row[4] for row in labels(siem)] == [False, False, True, False, True]


def test_a_verdict_that_was_given_again_under_a_clock_set_back_still_stands(old: Path) -> None:
    tell(old, [(ALERT, "e0", "false_positive", 10, 30), (ALERT, "e0", "false_positive", 11, None)])
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


def test_an_old_ledger_gets_the_tables_of_a_new_one_and_keeps_its_rule_and_alert(
    old: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    siem = LocalConnector.open("t", {"path": str(old)})
    rule = siem.rules.current("r")
    assert rule is not None
    assert (rule.per_entity, rule.severity) == (99, Severity.LOW)
    (alert,) = siem.alerts.find()
    assert (alert.alert_id, alert.rule, alert.entity, alert.events) == (ALERT, "r", "a", 1)
    new = tmp_path_factory.mktemp("new")
    LocalConnector.open("t", {"path": str(new)})
    assert drawn(old) == drawn(new)


def drawn(folder: Path) -> dict[str, set[tuple[object, ...]]]:
    """What each table and each index is made of."""
    asked = {
        "table": 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)',
        "index": "SELECT seqno, name FROM pragma_index_info(?)",
    }
    with ledger(folder) as file:
        made = file.execute("SELECT type, name FROM sqlite_master").fetchall()
        return {name: set(file.execute(asked[kind], (name,))) for kind, name in made}
