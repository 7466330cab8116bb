from attrs import frozen
from sqlalchemy import Boolean, Column, Index, MetaData, Table, bindparam, delete, update

from faultmaven_domain.case import Case, CaseMessage, CaseStatus, CaseVersionConflict, Investigation, Report

from .columns import moment, number, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, Stored, counting, insert

metadata = MetaData()
JOBS, OUTBOX = jobs_of(metadata, "case"), outbox_of(metadata, "case")

_cases = Table(
    "case_cases",
    metadata,
    sequence(),
    text("case_id"),
    text("owner_id"),
    text("title"),
    text("description"),
    text("status"),
    text("priority"),
    moment("created_at"),
    moment("updated_at"),
    number("version"),
    number("message_count"),
    number("current_turn"),
    text("metadata"),
    moment("resolved_at", null=True),
    moment("closed_at", null=True),
    text("closure_reason", null=True),
    text("resolution_notes", null=True),
    Index("case_cases_by_id", "case_id", unique=True),
    Index("case_cases_by_owner", "owner_id", "updated_at", "seq"),
    Index("case_cases_by_status", "owner_id", "status", "updated_at", "seq"),
    sqlite_autoincrement=True,
)
_messages = Table(
    "case_messages",
    metadata,
    sequence(),
    text("message_id"),
    text("case_id"),
    text("role"),
    text("content"),
    number("turn_number"),
    moment("created_at"),
    text("metadata"),
    Index("case_messages_by_id", "message_id", unique=True),
    Index("case_messages_by_case", "case_id", "seq"),
    sqlite_autoincrement=True,
)
_reports = Table(
    "case_reports",
    metadata,
    sequence(),
    text("report_id"),
    text("case_id"),
    text("report_type"),
    text("title"),
    text("content"),
    moment("created_at"),
    text("citations"),
    Index("case_reports_by_id", "report_id", unique=True),
    Index("case_reports_by_case", "case_id", "seq"),
    sqlite_autoincrement=True,
)

_investigations = Table(
    "case_investigations",
    metadata,
    sequence(),
    text("case_id"),
    text("problem_statement", null=True),
    Column("problem_confirmed", Boolean, nullable=False),
    text("refused_problem", null=True),
    text("severity", null=True),
    text("reached"),
    text("hypotheses"),
    text("root_cause", null=True),
    text("solution", null=True),
    text("asked", null=True),
    text("put_off"),
    moment("investigating_since", null=True),
    Column("has_evidence", Boolean, nullable=False),
    number("idle"),
    Column("title_given", Boolean, nullable=True),
    text("decided"),
    text("seen"),
    moment("updated_at", null=True),
    Index("case_investigations_by_id", "case_id", unique=True),
    sqlite_autoincrement=True,
)

CASES = Stored(_cases, Case, key="case_id")
MESSAGES = Stored(_messages, CaseMessage, key="message_id")
REPORTS = Stored(_reports, Report, key="report_id")
INVESTIGATIONS = Stored(_investigations, Investigation, key="case_id")

_own, _in_status = _cases.c.owner_id == bindparam("owner_id"), _cases.c.status == bindparam("status")
# By whether a status is asked for.
_LATEST = {False: CASES.latest("updated_at", _own), True: CASES.latest("updated_at", _own, _in_status)}
_COUNT = {False: counting(_cases, _own), True: counting(_cases, _own, _in_status)}
_CHANGE = (
    update(_cases)
    .where(_cases.c.case_id == bindparam("case_id"), _cases.c.version == bindparam("previous"))
    .values({name: bindparam(name) for name in CASES.codec.names if name != "case_id"})
    .returning(_cases.c.case_id)
)
_CONVERSATION = (
    MESSAGES.all.where(_messages.c.case_id == bindparam("case_id"))
    .order_by(_messages.c.seq)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_FORGET_MESSAGES = (
    delete(_messages).where(_messages.c.case_id == bindparam("case_id")).returning(_messages.c.message_id)
)
_FORGET_REPORTS = delete(_reports).where(_reports.c.case_id == bindparam("case_id")).returning(_reports.c.report_id)


class SqlCases(SqlRecords[Case]):
    async def save(self, entity: Case) -> Case:
        row = CASES.codec.to_row(entity)
        if entity.version == 1:
            new = insert(_cases, self._connection.dialect).on_conflict_do_nothing().returning(_cases.c.case_id)
            written = await self._connection.fetch_one(new, row)
        else:
            written = await self._connection.fetch_one(_CHANGE, {**row, "previous": entity.version - 1})
        if written is None:
            raise CaseVersionConflict(case_id=entity.case_id)
        return entity

    async def of_owner(self, owner_id: str, *, status: CaseStatus | None, limit: int, offset: int) -> list[Case]:
        values = {"owner_id": owner_id, "status": status and status.value, "limit": limit, "offset": offset}
        return await self._all(_LATEST[status is not None], values)

    async def count(self, owner_id: str, *, status: CaseStatus | None) -> int:
        return await self._count(_COUNT[status is not None], {"owner_id": owner_id, "status": status and status.value})


class SqlMessages(SqlRecords[CaseMessage]):
    async def of_case(self, case_id: str, *, limit: int, offset: int) -> list[CaseMessage]:
        return await self._all(_CONVERSATION, {"case_id": case_id, "limit": limit, "offset": offset})

    async def delete_of_case(self, case_id: str) -> int:
        return len(await self._connection.fetch_all(_FORGET_MESSAGES, {"case_id": case_id}))


class SqlReports(SqlRecords[Report]):
    async def delete_of_case(self, case_id: str) -> int:
        return len(await self._connection.fetch_all(_FORGET_REPORTS, {"case_id": case_id}))


@frozen
class SqlCaseUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    cases: SqlCases
    messages: SqlMessages
    reports: SqlReports
    investigations: SqlRecords[Investigation]


def case_unit(connection: Connection) -> SqlCaseUnit:
    return SqlCaseUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        cases=SqlCases(connection, CASES),
        messages=SqlMessages(connection, MESSAGES),
        reports=SqlReports(connection, REPORTS),
        investigations=SqlRecords(connection, INVESTIGATIONS),
    )
