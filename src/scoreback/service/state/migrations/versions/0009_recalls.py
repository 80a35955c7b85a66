"""Rollbacks that take back alerts of the bad version, and the alerts of each."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "recalls",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("bad", sa.Text, nullable=False),
        sa.Column("restored", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("raised_from", sa.BigInteger),
        sa.Column("close", sa.Boolean, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recalls"),
    )
    op.create_index("ix_recalls_detector_id", "recalls", ["detector", "id"])
    op.create_table(
        "recalled_alerts",
        sa.Column("recall", sa.Integer, nullable=False),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("event_time", sa.BigInteger, nullable=False),
        sa.Column("entity", sa.Text),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("restored_score", sa.Float, nullable=False),
        sa.Column("tagged", sa.Boolean, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("reopened", sa.Boolean, nullable=False),
        sa.Column("kept", sa.Text),
        sa.PrimaryKeyConstraint("recall", "alert_id", name="pk_recalled_alerts"),
        sa.ForeignKeyConstraint(["recall"], ["recalls.id"], name="fk_recalled_alerts_recall"),
    )
