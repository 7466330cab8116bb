"""When another issuer of tokens spoke of an account last."""

from alembic import op

from faultmaven_adapters.sql.migrations.first import moments

revision = "auth_0003"
down_revision = "auth_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in moments("vouched_at", null=True):
        op.add_column("auth_users", column)
