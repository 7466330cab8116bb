"""Cases, what was said about them and the reports they end in."""

from faultmaven_adapters.sql.migrations.first import index, jobs_and_outbox, moments, numbers, table, texts

revision = "case_0001"
down_revision = None
branch_labels = ("case",)
depends_on = None


def upgrade() -> None:
    table(
        "case_cases",
        *texts("case_id", "owner_id", "title", "description", "status", "priority"),
        *moments("created_at", "updated_at"),
        *numbers("version", "message_count", "current_turn"),
        *texts("metadata"),
        *moments("resolved_at", "closed_at", null=True),
        *texts("closure_reason", "resolution_notes", null=True),
    )
    index("case_cases", "id", "case_id", unique=True)
    index("case_cases", "owner", "owner_id", "updated_at", "seq")
    index("case_cases", "status", "owner_id", "status", "updated_at", "seq")
    table(
        "case_messages",
        *texts("message_id", "case_id", "role", "content"),
        *numbers("turn_number"),
        *moments("created_at"),
        *texts("metadata"),
    )
    index("case_messages", "id", "message_id", unique=True)
    index("case_messages", "case", "case_id", "seq")
    table(
        "case_reports",
        *texts("report_id", "case_id", "report_type", "title", "content"),
        *moments("created_at"),
        *texts("citations"),
    )
    index("case_reports", "id", "report_id", unique=True)
    index("case_reports", "case", "case_id", "seq")
    jobs_and_outbox("case")
