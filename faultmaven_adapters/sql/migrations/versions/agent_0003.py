"""What came with a turn's words: what a click meant, and the evidence that was attached."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import TEXT, texts

revision = "agent_0003"
down_revision = "agent_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_turns", *texts("intent", null=True))
    op.add_column("agent_turns", sa.Column("attachments", TEXT, nullable=False, server_default="[]"))
