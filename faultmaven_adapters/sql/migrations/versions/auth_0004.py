"""How many of a job's workers died."""

from faultmaven_adapters.sql.migrations.later import count_deaths

revision = "auth_0004"
down_revision = "auth_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_deaths("auth")
