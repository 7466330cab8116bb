from attrs import frozen
from sqlalchemy import Index, MetaData, Table, bindparam, delete

from faultmaven_domain.agent import Turn

from .columns import moment, sequence, text
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
    Index("agent_turns_by_id", "job_id", unique=True),
    Index("agent_turns_by_case", "case_id", "seq"),
    sqlite_autoincrement=True,
)

TURNS = Stored(_turns, Turn, key="job_id")

_FORGET = delete(_turns).where(_turns.c.case_id == bindparam("case_id")).returning(_turns.c.job_id)


class SqlTurns(SqlRecords[Turn]):
    async def delete_of_case(self, case_id: str) -> int:
        return len(await self._connection.fetch_all(_FORGET, {"case_id": case_id}))


@frozen
class SqlAgentUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    turns: SqlTurns


def agent_unit(connection: Connection) -> SqlAgentUnit:
    return SqlAgentUnit(
        jobs=SqlJobs(connection, JOBS), outbox=SqlOutbox(connection, OUTBOX), turns=SqlTurns(connection, TURNS)
    )
