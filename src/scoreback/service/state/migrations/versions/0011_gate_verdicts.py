"""The results of comparing shadows with the champion."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "gate_verdicts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("against", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gate_verdicts"),
    )
    op.create_index("ix_gate_verdicts_detector_id", "gate_verdicts", ["detector", "id"])
