"""Indices on the batches by their order and by their age."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; no row changes."""
    op.create_index("ix_batches_begun", "batches", ["begun"])
    op.create_index("ix_batches_status_until", "batches", ["status", "until"])
