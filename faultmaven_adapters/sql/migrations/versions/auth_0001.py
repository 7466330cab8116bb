"""Accounts, their passwords and the sign-ins that descend from them."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import TEXT, index, jobs_and_outbox, moments, table, texts

revision = "auth_0001"
down_revision = None
branch_labels = ("auth",)
depends_on = None


def upgrade() -> None:
    table(
        "auth_users",
        *texts("user_id", "email", "username", "full_name", "roles"),
        *moments("created_at"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
    )
    index("auth_users", "id", "user_id", unique=True)
    index("auth_users", "email", "email", unique=True)
    index("auth_users", "username", "username", unique=True)
    op.create_table("auth_passwords", sa.Column("user_id", TEXT, primary_key=True), *texts("hash"))
    table(
        "auth_token_families",
        *texts("family_id", "user_id", "current"),
        *moments("expires_at"),
        *moments("revoked_at", null=True),
    )
    index("auth_token_families", "id", "family_id", unique=True)
    index("auth_token_families", "expiry", "expires_at")
    jobs_and_outbox("auth")
