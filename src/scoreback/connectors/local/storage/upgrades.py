"""Upgrades the ledger of an earlier version in place; no row is lost."""

from collections.abc import Callable

import sqlalchemy as sa

from scoreback.connectors.local.storage.verdict_key import verdict_key

_ADD_RULE = "ALTER TABLE verdicts ADD COLUMN rule TEXT"
_ADD_WITHDRAWN = "ALTER TABLE verdicts ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT 0"
_FILL_RULE = """
    UPDATE verdicts
    SET rule = (SELECT rule FROM alerts WHERE alerts.alert_id = verdicts.alert_id)
"""
# A verdict that was withdrawn and given again: the withdrawal comes before the repetition, even
# where the clock was set back between the two.
_WITHDRAWN = """
    SELECT *, max(label_time, min(withdrawn_at, coalesce((
        SELECT min(again.label_time) - 1 FROM verdicts AS again
        WHERE again.alert_id = verdicts.alert_id AND again.label_time > verdicts.label_time
            AND again.verdict = verdicts.verdict AND again.labeller = verdicts.labeller
            AND again.withdrawn_at IS NOT verdicts.withdrawn_at
    ), withdrawn_at))) AS taken_back
    FROM verdicts WHERE withdrawn_at IS NOT NULL ORDER BY verdict_id
"""
_ALERTS_HAVE_TAGS = (
    "ALTER TABLE alerts ADD COLUMN tags JSON",
    "ALTER TABLE histograms ADD COLUMN edges JSON",
    "CREATE INDEX alert_events_by_score ON alert_events (score_id)",
)
_ADD = """
    INSERT INTO verdicts (verdict_key, alert_id, event_id, entity, since, until, verdict,
        label_time, labeller, source, propensity, rule, withdrawn)
    VALUES (:verdict_key, :alert_id, :event_id, :entity, :since, :until, :verdict,
        :label_time, :labeller, :source, :propensity, :rule, 1)
    ON CONFLICT DO NOTHING
"""


def upgrade(connection: sa.Connection, schema: int) -> None:
    """Upgrade the ledger from *schema* to the newest, within a writing transaction."""
    for step in _STEPS[schema - 1 :]:
        step(connection)


def _withdrawals_are_rows(connection: sa.Connection) -> None:
    """Schema 2: verdicts name their rule; a withdrawal is a separate row.

    Alerts have tags, histograms name their bins, and an index finds the alert of a score.
    """
    for change in (_ADD_RULE, _ADD_WITHDRAWN, _FILL_RULE):
        connection.execute(sa.text(change))
    found = connection.execute(sa.text(_WITHDRAWN)).mappings()
    rows = [{**row, "label_time": row["taken_back"], "withdrawn": True} for row in found]
    if rows:
        keyed = [{**row, "verdict_key": verdict_key(row)} for row in rows]
        connection.execute(sa.text(_ADD), keyed)
    connection.execute(sa.text("ALTER TABLE verdicts DROP COLUMN withdrawn_at"))
    for change in _ALERTS_HAVE_TAGS:
        connection.execute(sa.text(change))


def _segments_know_their_exports(connection: sa.Connection) -> None:
    """Schema 3: event segments name the exports that restore them; merged segments are retired."""
    connection.execute(sa.text("ALTER TABLE segments ADD COLUMN sources JSON"))
    connection.execute(
        sa.text("CREATE TABLE retired (path TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID")
    )


_SETTINGS_AND_HEALTH = (
    """
    CREATE TABLE overrides (override_id INTEGER NOT NULL PRIMARY KEY, detector TEXT NOT NULL,
        key TEXT NOT NULL, value TEXT, author TEXT NOT NULL, reason TEXT NOT NULL,
        at INTEGER NOT NULL, UNIQUE (detector, key, at, author))
    """,
    """
    CREATE TABLE health (health_id TEXT NOT NULL PRIMARY KEY, detector TEXT NOT NULL,
        at INTEGER NOT NULL, document JSON NOT NULL)
    """,
    "CREATE INDEX health_by_detector ON health (detector, at)",
)


def _settings_and_health_are_kept(connection: sa.Connection) -> None:
    """Schema 4: tables for overrides of keys of detector files, and for health documents."""
    for statement in _SETTINGS_AND_HEALTH:
        connection.execute(sa.text(statement))


_LATER_VALUES = """
    CREATE TABLE later_values (value_id INTEGER NOT NULL PRIMARY KEY, stream TEXT NOT NULL,
        event_id TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
        known_at INTEGER NOT NULL, source TEXT, name TEXT,
        UNIQUE (stream, event_id, field, known_at))
    """


def _events_get_values_later(connection: sa.Connection) -> None:
    """Schema 5: a table for what a later load says about an event, such as its label."""
    connection.execute(sa.text(_LATER_VALUES))


def _alerts_know_their_chance(connection: sa.Connection) -> None:
    """Schema 6: alerts store the probability with which their event was shown."""
    connection.execute(sa.text("ALTER TABLE alerts ADD COLUMN chance FLOAT"))


_STEPS: tuple[Callable[[sa.Connection], None], ...] = (
    _withdrawals_are_rows,
    _segments_know_their_exports,
    _settings_and_health_are_kept,
    _events_get_values_later,
    _alerts_know_their_chance,
)
