"""The label ledger, the moments it was asked for, and our own closings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; there were no labels before, so the first look reads everything."""
    op.create_table(
        "label_ledger",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("label_time", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("label_key", sa.Text, nullable=False),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("entity", sa.Text),
        sa.Column("since", sa.BigInteger),
        sa.Column("until", sa.BigInteger),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("labeller", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("propensity", sa.Float),
        sa.Column("alert_id", sa.Text),
        sa.Column("rule", sa.Text),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint(
            "connection", "detector", "label_time", "label_key", name="pk_label_ledger"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label_syncs",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection", "detector", name="pk_label_syncs"),
    )
    op.create_table(
        "own_closures",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("closed_at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint(
            "connection", "alert_id", "verdict", "closed_at", name="pk_own_closures"
        ),
    )
