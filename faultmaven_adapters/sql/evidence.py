from attrs import frozen
from sqlalchemy import Column, Index, MetaData, Table, bindparam, select

from faultmaven_domain.evidence import Evidence, LogReport

from ..rows import from_json, to_json
from .columns import TEXT, key, moment, number, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, SqlTexts, Stored, counting

metadata = MetaData()
JOBS, OUTBOX = jobs_of(metadata, "evidence"), outbox_of(metadata, "evidence")

_items = Table(
    "evidence_items",
    metadata,
    sequence(),
    text("evidence_id"),
    text("case_id"),
    text("owner_id"),
    text("filename"),
    text("file_key"),
    number("file_size"),
    text("file_type"),
    text("sha256"),
    text("evidence_type"),
    text("description"),
    text("status"),
    text("job_id"),
    moment("uploaded_at"),
    text("kind", null=True),
    number("line_count", null=True),
    text("notes"),
    Column("metadata", TEXT, nullable=False, server_default="{}"),
    Index("evidence_items_by_id", "evidence_id", unique=True),
    Index("evidence_items_by_case", "case_id", "owner_id", "uploaded_at", "seq"),
    Index("evidence_items_by_owner", "owner_id", "uploaded_at", "seq"),
    Index("evidence_items_by_file", "file_key"),
    sqlite_autoincrement=True,
)
_reports = Table("evidence_reports", metadata, key("evidence_id"), text("report"))

ITEMS = Stored(_items, Evidence, key="evidence_id")

_own = _items.c.owner_id == bindparam("owner_id")
_OF_CASE = (
    ITEMS.all.where(_items.c.case_id == bindparam("case_id"), _own)
    .order_by(_items.c.uploaded_at.desc(), _items.c.seq.desc())
)  # fmt: skip
_OF_OWNER = ITEMS.latest("uploaded_at", _own)
_COUNT = counting(_items, _own)
_KEYS = select(_items.c.file_key)


class SqlEvidence(SqlRecords[Evidence]):
    async def of_case(self, case_id: str, *, owner_id: str) -> list[Evidence]:
        return await self._all(_OF_CASE, {"case_id": case_id, "owner_id": owner_id})

    async def of_owner(self, owner_id: str, *, limit: int, offset: int) -> list[Evidence]:
        return await self._all(_OF_OWNER, {"owner_id": owner_id, "limit": limit, "offset": offset})

    async def count(self, owner_id: str) -> int:
        return await self._count(_COUNT, {"owner_id": owner_id})

    async def keys(self) -> set[str]:
        return {row["file_key"] for row in await self._connection.fetch_all(_KEYS)}


@frozen
class SqlLogReports:
    texts: SqlTexts

    async def get(self, evidence_id: str) -> LogReport | None:
        text = await self.texts.get(evidence_id)
        return None if text is None else from_json(text, LogReport)

    async def set(self, evidence_id: str, report: LogReport) -> None:
        await self.texts.set(evidence_id, to_json(report, LogReport))

    async def delete(self, evidence_id: str) -> bool:
        return await self.texts.delete(evidence_id)


@frozen
class SqlEvidenceUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    evidence: SqlEvidence
    reports: SqlLogReports


def evidence_unit(connection: Connection) -> SqlEvidenceUnit:
    return SqlEvidenceUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        evidence=SqlEvidence(connection, ITEMS),
        reports=SqlLogReports(SqlTexts(connection, _reports)),
    )
