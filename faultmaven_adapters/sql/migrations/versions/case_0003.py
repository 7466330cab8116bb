"""How many of a job's workers died."""

from faultmaven_adapters.sql.migrations.later import count_deaths

revision = "case_0003"
down_revision = "case_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_deaths("case")
