"""Accounts without a password, sign-ins that were granted to OAuth clients, and the codes clients get them by."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import index, moments, table, texts

revision = "auth_0002"
down_revision = "auth_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("auth_users", sa.Column("is_dev_user", sa.Boolean(), nullable=False, server_default=sa.false()))
    for column in texts("client_id", "scopes", null=True):
        op.add_column("auth_token_families", column)
    index("auth_token_families", "user", "user_id", "expires_at")
    table(
        "auth_codes",
        *texts("code_hash", "user_id", "client_id", "redirect_uri", "challenge", "scopes"),
        *moments("expires_at"),
        *texts("family_id", null=True),
    )
    index("auth_codes", "id", "code_hash", unique=True)
    index("auth_codes", "expiry", "expires_at")
