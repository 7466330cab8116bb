"""Turns: questions and the answers they got."""

from faultmaven_adapters.sql.migrations.first import index, jobs_and_outbox, moments, table, texts

revision = "agent_0001"
down_revision = None
branch_labels = ("agent",)
depends_on = None


def upgrade() -> None:
    table(
        "agent_turns",
        *texts("job_id", "case_id", "user_id", "message", "status"),
        *moments("submitted_at"),
        *texts("context"),
        *texts("answer", "error", null=True),
    )
    index("agent_turns", "id", "job_id", unique=True)
    index("agent_turns", "case", "case_id", "seq")
    jobs_and_outbox("agent")
