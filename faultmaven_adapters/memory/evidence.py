from typing import Self

from attrs import frozen

from faultmaven_domain.evidence import Evidence, LogReport

from ..rows import RowCodec, from_json, to_json
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, MemoryTexts, Picture, latest, page

_ITEMS = RowCodec(Evidence)


class MemoryEvidence(MemoryRecords[Evidence]):
    async def of_case(self, case_id: str, *, owner_id: str) -> list[Evidence]:
        return self._values(latest(self._rows(case_id=case_id, owner_id=owner_id), "uploaded_at"))

    async def of_owner(self, owner_id: str, *, limit: int, offset: int) -> list[Evidence]:
        return self._values(page(latest(self._rows(owner_id=owner_id), "uploaded_at"), limit, offset))

    async def count(self, owner_id: str) -> int:
        return len(self._rows(owner_id=owner_id))

    async def keys(self) -> set[str]:
        return {row["file_key"] for row in self._rows()}


@frozen
class MemoryLogReports:
    texts: MemoryTexts

    async def get(self, evidence_id: str) -> LogReport | None:
        text = await self.texts.get(evidence_id)
        return None if text is None else from_json(text, LogReport)

    async def set(self, evidence_id: str, report: LogReport) -> None:
        await self.texts.set(evidence_id, to_json(report, LogReport))

    async def delete(self, evidence_id: str) -> bool:
        return await self.texts.delete(evidence_id)


@frozen
class MemoryEvidenceUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    evidence: MemoryEvidence
    reports: MemoryLogReports

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            evidence=MemoryEvidence(picture, "items", _ITEMS, key="evidence_id"),
            reports=MemoryLogReports(MemoryTexts(picture, "reports")),
        )
