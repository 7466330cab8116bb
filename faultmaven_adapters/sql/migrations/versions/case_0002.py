"""Investigations: how far each case is."""

import sqlalchemy as sa

from faultmaven_adapters.sql.migrations.first import index, moments, numbers, table, texts

revision = "case_0002"
down_revision = "case_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table(
        "case_investigations",
        *texts("case_id"),
        *texts("problem_statement", null=True),
        sa.Column("problem_confirmed", sa.Boolean(), nullable=False),
        *texts("refused_problem", "severity", null=True),
        *texts("reached", "hypotheses"),
        *texts("root_cause", "solution", null=True),
        *texts("asked", null=True),
        *texts("put_off"),
        *moments("investigating_since", null=True),
        sa.Column("has_evidence", sa.Boolean(), nullable=False),
        *numbers("idle"),
        sa.Column("title_given", sa.Boolean(), nullable=True),
        *texts("decided", "seen"),
        *moments("updated_at", null=True),
    )
    index("case_investigations", "id", "case_id", unique=True)
