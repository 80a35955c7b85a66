"""The tables of the service's state: versions, runs, progress, batches and labels.

Times are whole microseconds since 1970, UTC. A change here needs a migration beside it
(`scoreback.service.state.migrations`); a test compares the two.
"""

from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from scoreback.errors import StateError
from scoreback.times import micros, moment

_Value = TypeVar("_Value")


class Moment(sa.TypeDecorator[datetime]):
    """An aware time, stored as microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        """Microseconds of *value*; a naive time is a bug in the caller."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """The time, in UTC."""
        return None if value is None else moment(value)


def from_json(adapter: TypeAdapter[_Value], text: str, what: str) -> _Value:
    """Parse the JSON *text* of *what*.

    Raises:
        StateError: it is not JSON, or not of the expected form.
    """
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise StateError(
            f"{what} in the service's state is damaged: {reason}",
            hint="restore the state folder from a backup",
        ) from error


METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

versions = sa.Table(
    "versions",
    METADATA,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("artifact_hash", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("trained_as_of", Moment, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("parent", sa.Text),
    sa.Column("row_hash", sa.Text, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("trained_because", sa.Text),  # null: unknown
    sa.UniqueConstraint("detector", "number"),
)
# Two champions of one detector would give two rules for the same alerts.
sa.Index(
    "ix_versions_champion",
    versions.c.detector,
    unique=True,
    sqlite_where=versions.c.status == "champion",
    postgresql_where=versions.c.status == "champion",
)

promotions = sa.Table(
    "promotions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # promote, rollback, undo
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("below", sa.Integer, sa.ForeignKey("promotions.id")),  # where a rollback leads
    sa.ForeignKeyConstraint(["detector", "version"], ["versions.detector", "versions.version"]),
    sa.Index(None, "detector", "id"),
)

audit = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index(None, "detector", "id"),
)

runs = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # score, train
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed, lost
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index(None, "detector", "id"),
)

progress = sa.Table(
    "progress",
    METADATA,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("plan_hash", sa.Text, primary_key=True),
    sa.Column("watermark", Moment, nullable=False),
    sa.Column("score_since", Moment, nullable=False),
    sa.Column("segments", sa.Text, nullable=False),
    sa.Column("pending", sa.Text),
    sa.Column("owed", sa.Text),
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),  # counts up per detector
    sa.Column("selection", sa.Text),  # null: the version that wrote it did not store it
    sa.Column("events", sa.Integer),  # null: the same
)

batches = sa.Table(
    "batches",
    METADATA,
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("begun", sa.Integer, nullable=False),  # counts up; batches are resolved in this order
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # begun, sent, done
    sa.Column("sent_at", Moment),  # null: not yet, or sent before this was stored
    sa.Column("outbox", sa.Text, nullable=False),
    sa.Column("next_state", sa.Text),  # null once it was sent
    sa.Index(None, "detector", "status", "begun"),
    sa.Index(None, "detector", "sent_at"),
    sa.Index(None, "begun"),  # each batch asks for the newest one
    sa.Index(None, "status", "until"),  # the old ones are pruned
)

# What we put into a SIEM: if it is gone there, somebody removed it.
deployed = sa.Table(
    "deployed",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", Moment, nullable=False),
)

# Rows are added and never changed. The key is a digest that identifies a label for ever.
label_ledger = sa.Table(
    "label_ledger",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("label_time", Moment, primary_key=True, autoincrement=False),
    sa.Column("label_key", sa.Text, primary_key=True),
    sa.Column("known_at", Moment, nullable=False),
    sa.Column("event_id", sa.Text),
    sa.Column("entity", sa.Text),
    sa.Column("since", Moment),
    sa.Column("until", Moment),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("labeller", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("propensity", sa.Float),
    sa.Column("alert_id", sa.Text),
    sa.Column("rule", sa.Text),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,  # one tree, in the order of reading
)

label_syncs = sa.Table(
    "label_syncs",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("asked", Moment, nullable=False),  # the latest moment that labels were asked for
)

own_closures = sa.Table(
    "own_closures",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text, primary_key=True),
    sa.Column("closed_at", Moment, primary_key=True, autoincrement=False),
)

# Verdicts in doubt: what people decided, and the cases found last.
quarantine_decisions = sa.Table(
    "quarantine_decisions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),  # accepted, rejected
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index(None, "detector", "at"),
)

quarantine_cases = sa.Table(
    "quarantine_cases",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # flood, contradiction
    sa.Column("labeller", sa.Text, nullable=False),
    sa.Column("first", Moment, nullable=False),
    sa.Column("last", Moment, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
)

# A rollback that takes back alerts of the bad version, and how far it got.
recalls = sa.Table(
    "recalls",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("bad", sa.Text, nullable=False),
    sa.Column("restored", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("raised_from", Moment),  # null: all alerts of the bad version
    sa.Column("close", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),  # see scoreback.service.state.recalls
    sa.Column("counts", sa.Text, nullable=False),  # of alerts that are not taken back, as JSON
    sa.Index(None, "detector", "id"),
)

recalled_alerts = sa.Table(
    "recalled_alerts",
    METADATA,
    sa.Column("recall", sa.Integer, sa.ForeignKey("recalls.id"), primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("event_time", Moment, nullable=False),
    sa.Column("entity", sa.Text),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("restored_score", sa.Float, nullable=False),  # what the restored version says of it
    sa.Column("tagged", sa.Boolean, nullable=False),  # by us, and the tag is still there
    sa.Column("closed_at", Moment),  # by us, and not reopened by us
    sa.Column("reopened", sa.Boolean, nullable=False),  # by us
    sa.Column("kept", sa.Text),  # why it was left alone, if it was
)

# Rows are added and never changed: the latest of a detector's key is in force.
overrides = sa.Table(
    "overrides",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),  # dotted, as in the file
    sa.Column("value", sa.Text),  # as in the file; null: the file's own again
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # the connection of its settings page, or ours
    sa.UniqueConstraint("source", "detector", "key", "at", "author"),
    sa.Index(None, "detector", "key", "at"),
)

# The operating point of a version from a time on: it explains the alerts.
operating_points = sa.Table(
    "operating_points",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index(None, "detector", "id"),
)

# What pacing stores for each step: written with the step's batch, or not at all.
paced_steps = sa.Table(
    "paced_steps",
    METADATA,
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("since", Moment, nullable=False),  # of the events
    sa.Column("until", Moment, nullable=False),
    sa.Column("held_back", sa.Integer, nullable=False),
    sa.Column("past", sa.LargeBinary, nullable=False),
    sa.Index(None, "detector", "until"),
)

paced_ticks = sa.Table(
    "paced_ticks",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("left_over", sa.Float, nullable=False),  # of the budget, when the tick began
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("pace", sa.Text, nullable=False),  # digest of what cuts depended on then
    sa.Index(None, "batch_id"),
    sa.Index(None, "detector", "since"),
)

# Units without an alert, drawn to be looked at: written with the step's batch.
audits = sa.Table(
    "audits",
    METADATA,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("counted_at", Moment, nullable=False),  # the time that decides its day
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("chance", sa.Float, nullable=False),  # chance of its stratum to be drawn
    sa.Index(None, "batch_id"),
    sa.Index(None, "detector", "counted_at"),
)

# What only shadows would show, and which of it was shown: written with the step's batch.
explored = sa.Table(
    "explored",
    METADATA,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),  # the shadow's
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("counted_at", Moment, nullable=False),  # the time that decides its day
    sa.Column("event_time", Moment, nullable=False),
    sa.Column("entity", sa.BigInteger, nullable=False),  # code; -1: absent
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("chance", sa.Float, nullable=False),
    sa.Column("shown", sa.Boolean, nullable=False),
    sa.Index(None, "batch_id"),
    sa.Index(None, "detector", "counted_at"),
)

# Results of comparing shadows with the champion: rows are added and never changed.
gate_verdicts = sa.Table(
    "gate_verdicts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("against", sa.Text, nullable=False),  # the champion at the time
    sa.Column("at", Moment, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # its figures, as JSON
    sa.Index(None, "detector", "id"),
)

# What was scored, counted in the bins of the version that scored it; kept by hour for a while.
scored_counts = sa.Table(
    "scored_counts",
    METADATA,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column(
        "hour", Moment, primary_key=True, autoincrement=False
    ),  # of the newest event of a step
    sa.Column("newest_event", Moment, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),  # column → bins, as JSON
    sa.Index(None, "hour"),  # the old ones are pruned
)
