"""Documents, their texts and the collections people named."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import TEXT, index, jobs_and_outbox, moments, numbers, table, texts

revision = "knowledge_0001"
down_revision = None
branch_labels = ("knowledge",)
depends_on = None


def upgrade() -> None:
    documents = "knowledge_documents"
    table(
        documents,
        *texts("document_id"),
        *texts("owner_id", null=True),
        *texts("title", "document_type", "status", "job_id"),
        *moments("created_at", "updated_at"),
        *texts("collection", "tags", "metadata"),
        *texts("source", "sha256", "filename", "file_key", "revision", "embedded_with", null=True),
        *numbers("passage_count"),
        *texts("notes"),
        *texts("error", null=True),
    )
    index(documents, "id", "document_id", unique=True)
    index(documents, "source", "owner_id", "source", unique=True)
    index(documents, "owner", "owner_id", "created_at", "seq")
    index(documents, "type", "owner_id", "document_type", "created_at", "seq")
    index(documents, "collection", "owner_id", "collection", "created_at", "seq")
    index(documents, "model", "status", "embedded_with", "seq")
    index(documents, "file", "file_key")
    unowned = sa.text("owner_id IS NULL")
    op.create_index(
        f"{documents}_by_global_source",
        documents,
        ["source"],
        unique=True,
        sqlite_where=unowned,
        postgresql_where=unowned,
    )
    op.create_table("knowledge_contents", sa.Column("document_id", TEXT, primary_key=True), *texts("content"))
    op.create_table(
        "knowledge_collections",
        sa.Column("owner_id", TEXT, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
    )
    jobs_and_outbox("knowledge")
