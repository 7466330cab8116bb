"""How many of a job's workers died, and how often something it needs was away."""

from faultmaven_adapters.sql.migrations.later import count_deaths_and_outages

revision = "auth_0004"
down_revision = "auth_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_deaths_and_outages("auth")
