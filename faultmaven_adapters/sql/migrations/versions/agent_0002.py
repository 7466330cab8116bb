"""Usage: what each call of a language model used and cost."""

import sqlalchemy as sa

from faultmaven_adapters.sql.migrations.first import index, moments, numbers, table, texts

revision = "agent_0002"
down_revision = "agent_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table(
        "agent_usage",
        *texts("usage_id", "job_id", "case_id", "user_id", "task", "provider", "model"),
        *numbers("input_tokens", "output_tokens"),
        *numbers("cost", null=True),
        *moments("created_at"),
        sa.Column("settled", sa.Boolean(), nullable=False),
    )
    index("agent_usage", "id", "usage_id", unique=True)
    index("agent_usage", "time", "created_at")
    index("agent_usage", "user", "user_id", "created_at")
    index("agent_usage", "case", "case_id")
