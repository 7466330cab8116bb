"""An index of the documents that belong to nobody, in the order they are listed in."""

import sqlalchemy as sa
from alembic import op

revision = "knowledge_0002"
down_revision = "knowledge_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unowned = sa.text("owner_id IS NULL")
    op.create_index(
        "knowledge_documents_by_global_time",
        "knowledge_documents",
        ["created_at", "seq"],
        sqlite_where=unowned,
        postgresql_where=unowned,
    )
