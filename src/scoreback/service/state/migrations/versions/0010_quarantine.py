"""Verdicts in doubt: what people decided about them, and the cases found last."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "quarantine_decisions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("case_id", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine_decisions"),
    )
    op.create_index(
        "ix_quarantine_decisions_detector_at", "quarantine_decisions", ["detector", "at"]
    )
    op.create_table(
        "quarantine_cases",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("case_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("labeller", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("connection", "detector", "case_id", name="pk_quarantine_cases"),
    )
