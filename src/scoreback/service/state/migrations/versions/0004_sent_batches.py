"""Batches sent but not yet seen; events owed by an earlier plan; what is deployed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the new columns and tables; all rows stay."""
    op.add_column("batches", sa.Column("sent_at", sa.BigInteger))
    op.create_index("ix_batches_detector_sent_at", "batches", ["detector", "sent_at"])
    op.add_column("progress", sa.Column("owed", sa.Text))
    op.add_column("progress", sa.Column("turn", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "deployed",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection", "kind", "name", name="pk_deployed"),
    )
