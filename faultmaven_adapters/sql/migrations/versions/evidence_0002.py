"""Where a piece of evidence is from, and the turn it came with."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import TEXT

revision = "evidence_0002"
down_revision = "evidence_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evidence_items", sa.Column("metadata", TEXT, nullable=False, server_default="{}"))
