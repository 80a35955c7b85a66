"""All that a SIEM and the state of a workspace hold after a job of the closed loop."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scoreback.connectors.doors import ScoreQuery
from scoreback.connectors.doors.settings import Entry, SettingsStore
from scoreback.records import TimeWindow, audit_rule_name, explore_rule_name
from scoreback.service.app import App, opened
from scoreback.service.state import tables
from scoreback.service.state.recalls import CARRIED_OUT, DONE
from tests.integration.alike import DAY, END, START
from tests.integration.closed_loop_jobs import NAME, alerts_of, settings_of

EVER = TimeWindow(since=START, until=END + DAY)


def everything(home: Path) -> dict[str, Any]:
    """What the SIEM and the state hold, but for times of this machine and numbers of rows."""
    with opened(settings_of(home)) as app:
        query = ScoreQuery(detector=NAME, window=EVER)
        scores = [row for one in app.connector.scores.read(query) for row in one.batch.to_pylist()]
        rules, names = app.connector.rules, (NAME, audit_rule_name(NAME), explore_rule_name(NAME))
        assert rules is not None
        replayed = home / "backtest.json"
        found: dict[str, Any] = {
            "scores": [{k: v for k, v in row.items() if k != "scored_at"} for row in scores],
            "alerts": list(alerts_of(app).find()),
            "counted": _histograms(app),
            "rules": {name: rules.current(name) for name in names},
            "left over": sorted(path.name for path in home.rglob(".*.draft")),
            "settings": _settings(app),
            "outbox": sorted(path.name for path in app.state.outbox.glob("*/*")),
            "backtest": replayed.read_text() if replayed.exists() else None,
        }
        with app.state.database.reads() as connection:
            for table in tables.METADATA.sorted_tables:
                if table.name not in _OF_RUNS:
                    found[f"state: {table.name}"] = _rows(connection, table)
            found["state: scored_counts"] = _counts(connection)
            for row in found["state: recalls"]:  # killed after it was read, it is not known as such
                row["stage"] = DONE if row["stage"] == CARRIED_OUT else row["stage"]
            for row in found["state: deployed"]:
                row["name"] = row["name"].removeprefix(_identity(app))
    return found


# What tells how work was cut into runs and steps; after a kill that is another cut.
_OF_RUNS = ("runs", "batches", "progress", "paced_steps", "paced_ticks")
_OF_STEPS = ("id", "batch_id")


def _settings(app: App) -> list[Entry]:
    """What stands in the SIEM's own store of settings, if it has one."""
    store = app.connector.settings
    entries = store.entries() if isinstance(store, SettingsStore) else ()
    return [replace(entry, revision="") for entry in entries]


def _identity(app: App) -> str:
    """The store's own name for itself, which the state remembers settings by."""
    store = app.connector.settings
    return store.identity() if isinstance(store, SettingsStore) else ""


def _histograms(app: App) -> dict[str, list[int]]:
    counted: dict[str, list[int]] = {}
    for one in app.connector.scores.histograms(NAME, EVER):
        for hour, counts in one.counts.items():
            key = f"{one.version} {one.stage} {hour}"
            before = counted.get(key, [0] * len(counts))
            counted[key] = [a + b for a, b in zip(before, counts, strict=True)]
    return counted


def _rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    rows = connection.execute(sa.select(table)).mappings()
    plain = [{k: v for k, v in row.items() if k not in _OF_STEPS} for row in rows]
    return sorted(plain, key=repr)


def _counts(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Rows in each bin of each version: which hour they are counted for depends on steps."""
    found: dict[tuple[str, str], int] = Counter()
    for row in connection.execute(sa.select(tables.scored_counts)):
        for column, bins in json.loads(row.counts).items():
            for place, count_ in enumerate(bins):
                found[row.version, f"{column} {place}"] += count_
    return found
