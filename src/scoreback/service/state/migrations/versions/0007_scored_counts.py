"""Counts of what was scored, by version and hour, from which drift is computed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what was scored before is not counted."""
    op.create_table(
        "scored_counts",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("newest_event", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("detector", "version", "hour", name="pk_scored_counts"),
    )
    op.create_index("ix_scored_counts_hour", "scored_counts", ["hour"])
