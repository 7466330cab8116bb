from typing import Self

from attrs import frozen

from faultmaven_domain.case import Case, CaseMessage, CaseStatus, CaseVersionConflict, Investigation, Report

from ..rows import RowCodec
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, Picture, Row, latest, page

_CASES, _MESSAGES, _REPORTS = RowCodec(Case), RowCodec(CaseMessage), RowCodec(Report)
_INVESTIGATIONS = RowCodec(Investigation)


class MemoryCases(MemoryRecords[Case]):
    async def save(self, entity: Case) -> Case:
        stored = self._picture.read(self._table).get(entity.case_id)
        if entity.version != (1 if stored is None else stored["version"] + 1):
            raise CaseVersionConflict(case_id=entity.case_id)
        return await super().save(entity)

    async def of_owner(self, owner_id: str, *, status: CaseStatus | None, limit: int, offset: int) -> list[Case]:
        return self._values(page(latest(self._of(owner_id, status), "updated_at"), limit, offset))

    async def count(self, owner_id: str, *, status: CaseStatus | None) -> int:
        return len(self._of(owner_id, status))

    def _of(self, owner_id: str, status: CaseStatus | None) -> list[Row]:
        return self._rows(owner_id=owner_id) if status is None else self._rows(owner_id=owner_id, status=status.value)


class MemoryMessages(MemoryRecords[CaseMessage]):
    async def of_case(self, case_id: str, *, limit: int, offset: int) -> list[CaseMessage]:
        return self._values(page(self._rows(case_id=case_id), limit, offset))

    async def delete_of_case(self, case_id: str) -> int:
        return self._remove(self._rows(case_id=case_id))


class MemoryReports(MemoryRecords[Report]):
    async def delete_of_case(self, case_id: str) -> int:
        return self._remove(self._rows(case_id=case_id))


@frozen
class MemoryCaseUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    cases: MemoryCases
    messages: MemoryMessages
    reports: MemoryReports
    investigations: MemoryRecords[Investigation]

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            cases=MemoryCases(picture, "cases", _CASES, key="case_id"),
            messages=MemoryMessages(picture, "messages", _MESSAGES, key="message_id"),
            reports=MemoryReports(picture, "reports", _REPORTS, key="report_id"),
            investigations=MemoryRecords(picture, "investigations", _INVESTIGATIONS, key="case_id"),
        )
