"""What the first revision of every module has in common. It is history: it stays, whatever the tables become."""

from typing import Any

import sqlalchemy as sa
from alembic import op

MOMENT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def sequence() -> "sa.Column[Any]":
    return sa.Column("seq", SEQUENCE, primary_key=True, autoincrement=True)


def texts(*names: str, null: bool = False) -> list["sa.Column[Any]"]:
    return [sa.Column(name, TEXT, nullable=null) for name in names]


def numbers(*names: str, null: bool = False) -> list["sa.Column[Any]"]:
    return [sa.Column(name, sa.BigInteger(), nullable=null) for name in names]


def moments(*names: str, null: bool = False) -> list["sa.Column[Any]"]:
    return [sa.Column(name, MOMENT, nullable=null) for name in names]


def table(name: str, *columns: "sa.Column[Any]") -> None:
    """A table whose rows have an order."""
    op.create_table(name, sequence(), *columns, sqlite_autoincrement=True)


def index(table: str, purpose: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"{table}_by_{purpose}", table, list(columns), unique=unique)


def jobs_and_outbox(module: str) -> None:
    jobs, outbox = f"{module}_jobs", f"{module}_outbox"
    table(
        jobs,
        *texts("job_id", "kind"),
        *texts("owner_id", null=True),
        *texts("subject_id", "state"),
        *moments("created_at"),
        *numbers("attempts"),
        sa.Column("progress", sa.Double(), nullable=False),
        *moments("heartbeat_at", null=True),
        *texts("error", null=True),
        *moments("finished_at", null=True),
    )
    index(jobs, "id", "job_id", unique=True)
    index(jobs, "owner", "owner_id", "created_at", "seq")
    index(jobs, "state", "state", "created_at", "seq")
    index(jobs, "time", "created_at", "seq")
    table(outbox, *texts("id", "topic", "payload"), *moments("put_at"), *moments("sent_at", null=True))
    index(outbox, "id", "id", unique=True)
    index(outbox, "sending", "sent_at", "seq")
