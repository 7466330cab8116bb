"""Files put into cases, and what the analysis found in them."""

import sqlalchemy as sa
from alembic import op

from faultmaven_adapters.sql.migrations.first import TEXT, index, jobs_and_outbox, moments, numbers, table, texts

revision = "evidence_0001"
down_revision = None
branch_labels = ("evidence",)
depends_on = None


def upgrade() -> None:
    table(
        "evidence_items",
        *texts("evidence_id", "case_id", "owner_id", "filename", "file_key"),
        *numbers("file_size"),
        *texts("file_type", "sha256", "evidence_type", "description", "status", "job_id"),
        *moments("uploaded_at"),
        *texts("kind", null=True),
        *numbers("line_count", null=True),
        *texts("notes"),
    )
    index("evidence_items", "id", "evidence_id", unique=True)
    index("evidence_items", "case", "case_id", "owner_id", "uploaded_at", "seq")
    index("evidence_items", "owner", "owner_id", "uploaded_at", "seq")
    index("evidence_items", "file", "file_key")
    op.create_table("evidence_reports", sa.Column("evidence_id", TEXT, primary_key=True), *texts("report"))
    jobs_and_outbox("evidence")
