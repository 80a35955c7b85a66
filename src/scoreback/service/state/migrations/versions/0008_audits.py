"""Audits: units drawn from those that raised no alert."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nothing was drawn before."""
    op.create_table(
        "audits",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("counted_at", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("chance", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("detector", "version", "event_id", name="pk_audits"),
    )
    op.create_index("ix_audits_batch_id", "audits", ["batch_id"])
    op.create_index("ix_audits_detector_counted_at", "audits", ["detector", "counted_at"])
