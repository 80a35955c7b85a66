"""Overrides of a file's keys, operating points, and what pacing stores for each step."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the four tables."""
    op.create_table(
        "overrides",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
        sa.UniqueConstraint(
            "source", "detector", "key", "at", "author",
            name="uq_overrides_source_detector_key_at_author",
        ),
    )  # fmt: skip
    op.create_index("ix_overrides_detector_key_at", "overrides", ["detector", "key", "at"])
    op.create_table(
        "operating_points",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operating_points"),
    )
    op.create_index("ix_operating_points_detector_id", "operating_points", ["detector", "id"])
    op.create_table(
        "paced_steps",
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("held_back", sa.Integer, nullable=False),
        sa.Column("past", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "detector", "version", "stage", name="pk_paced_steps"),
    )
    op.create_index("ix_paced_steps_detector_until", "paced_steps", ["detector", "until"])
    op.create_table(
        "paced_ticks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("left_over", sa.Float, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("pace", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_paced_ticks"),
    )
    op.create_index("ix_paced_ticks_batch_id", "paced_ticks", ["batch_id"])
    op.create_index("ix_paced_ticks_detector_since", "paced_ticks", ["detector", "since"])
