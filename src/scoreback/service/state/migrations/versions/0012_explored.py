"""Explored units: what only shadows would show, and which of it was shown."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nothing was explored before."""
    op.create_table(
        "explored",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("counted_at", sa.BigInteger, nullable=False),
        sa.Column("event_time", sa.BigInteger, nullable=False),
        sa.Column("entity", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("chance", sa.Float, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("detector", "event_id", name="pk_explored"),
    )
    op.create_index("ix_explored_batch_id", "explored", ["batch_id"])
    op.create_index("ix_explored_detector_counted_at", "explored", ["detector", "counted_at"])
