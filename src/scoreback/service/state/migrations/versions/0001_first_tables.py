"""Versions, promotions, audit log, runs, progress and batches."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    _versions()
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_detector_id", "audit", ["detector", "id"])
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_detector_id", "runs", ["detector", "id"])
    _scoring()


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("artifact_hash", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("trained_as_of", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("parent", sa.Text),
        sa.Column("row_hash", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("detector", "version", name="pk_versions"),
        sa.UniqueConstraint("detector", "number", name="uq_versions_detector_number"),
    )
    op.create_index(
        "ix_versions_champion",
        "versions",
        ["detector"],
        unique=True,
        sqlite_where=sa.text("status = 'champion'"),
        postgresql_where=sa.text("status = 'champion'"),
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("below", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
        sa.ForeignKeyConstraint(["below"], ["promotions.id"], name="fk_promotions_below"),
        sa.ForeignKeyConstraint(
            ["detector", "version"],
            ["versions.detector", "versions.version"],
            name="fk_promotions_detector_version",
        ),
    )
    op.create_index("ix_promotions_detector_id", "promotions", ["detector", "id"])


def _scoring() -> None:
    op.create_table(
        "progress",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("plan_hash", sa.Text, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("score_since", sa.BigInteger, nullable=False),
        sa.Column("segments", sa.Text, nullable=False),
        sa.Column("pending", sa.Text),
        sa.PrimaryKeyConstraint("detector", "plan_hash", name="pk_progress"),
    )
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("begun", sa.Integer, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("outbox", sa.Text, nullable=False),
        sa.Column("next_state", sa.Text),
        sa.PrimaryKeyConstraint("batch_id", name="pk_batches"),
    )
    op.create_index("ix_batches_detector_status_begun", "batches", ["detector", "status", "begun"])
