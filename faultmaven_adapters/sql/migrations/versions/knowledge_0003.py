"""How many of a job's workers died."""

from faultmaven_adapters.sql.migrations.later import count_deaths

revision = "knowledge_0003"
down_revision = "knowledge_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_deaths("knowledge")
