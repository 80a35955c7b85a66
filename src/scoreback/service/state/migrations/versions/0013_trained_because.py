"""A version records why it was trained."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; for versions trained before, it is unknown."""
    op.add_column("versions", sa.Column("trained_because", sa.Text))
