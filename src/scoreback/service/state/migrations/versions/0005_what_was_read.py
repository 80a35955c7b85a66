"""Progress records which events it is about, and how many of them were read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns; what was read before is unknown."""
    op.add_column("progress", sa.Column("selection", sa.Text))
    op.add_column("progress", sa.Column("events", sa.Integer))
