from datetime import datetime
from functools import cache
from typing import Any

from attrs import frozen
from sqlalchemy import Boolean, Column, Index, MetaData, Select, Table, bindparam, case, delete, func, select

from faultmaven_domain.agent import Spent, Turn, Usage

from .columns import TEXT, moment, number, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, Stored

metadata = MetaData()
JOBS, OUTBOX = jobs_of(metadata, "agent"), outbox_of(metadata, "agent")

_turns = Table(
    "agent_turns",
    metadata,
    sequence(),
    text("job_id"),
    text("case_id"),
    text("user_id"),
    text("message"),
    text("status"),
    moment("submitted_at"),
    text("context"),
    text("answer", null=True),
    text("error", null=True),
    text("intent", null=True),
    Column("attachments", TEXT, nullable=False, server_default="[]"),
    Index("agent_turns_by_id", "job_id", unique=True),
    Index("agent_turns_by_case", "case_id", "seq"),
    sqlite_autoincrement=True,
)

_usage = Table(
    "agent_usage",
    metadata,
    sequence(),
    *[text(name) for name in ("usage_id", "job_id", "case_id", "user_id", "task", "provider", "model")],
    number("input_tokens"),
    number("output_tokens"),
    number("cost", null=True),
    moment("created_at"),
    Column("settled", Boolean, nullable=False),
    Index("agent_usage_by_id", "usage_id", unique=True),
    Index("agent_usage_by_time", "created_at"),
    Index("agent_usage_by_user", "user_id", "created_at"),
    Index("agent_usage_by_case", "case_id"),
    sqlite_autoincrement=True,
)

TURNS = Stored(_turns, Turn, key="job_id")

USAGE = Stored(_usage, Usage, key="usage_id")

_FORGET = delete(_turns).where(_turns.c.case_id == bindparam("case_id")).returning(_turns.c.job_id)


class SqlTurns(SqlRecords[Turn]):
    async def delete_of_case(self, case_id: str) -> int:
        return len(await self._connection.fetch_all(_FORGET, {"case_id": case_id}))


class SqlUsage(SqlRecords[Usage]):
    async def total(
        self, *, user_id: str | None = None, case_id: str | None = None, since: datetime | None = None
    ) -> Spent:
        given = {"user_id": user_id, "case_id": case_id, "since": since}
        values = {name: value for name, value in given.items() if value is not None}
        row = await self._connection.fetch_one(_total(*[name in values for name in given]), values)
        return Spent() if row is None else Spent(**{name: int(row[name] or 0) for name in _TOTALS})


#: What a total is made of, by Spent's own names.
_TOTALS = {
    "calls": func.count(),
    "input_tokens": func.sum(_usage.c.input_tokens),
    "output_tokens": func.sum(_usage.c.output_tokens),
    "cost": func.sum(_usage.c.cost),
    "unpriced": func.sum(case((_usage.c.cost.is_(None), 1), else_=0)),
}


@cache
def _total(user: bool, of_case: bool, since: bool) -> Select[Any]:
    statement = select(*[total.label(name) for name, total in _TOTALS.items()]).select_from(_usage)
    if user:
        statement = statement.where(_usage.c.user_id == bindparam("user_id"))
    if of_case:
        statement = statement.where(_usage.c.case_id == bindparam("case_id"))
    if since:
        statement = statement.where(_usage.c.created_at >= bindparam("since", type_=_usage.c.created_at.type))
    return statement


@frozen
class SqlAgentUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    turns: SqlTurns
    usage: SqlUsage


def agent_unit(connection: Connection) -> SqlAgentUnit:
    return SqlAgentUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        turns=SqlTurns(connection, TURNS),
        usage=SqlUsage(connection, USAGE),
    )
