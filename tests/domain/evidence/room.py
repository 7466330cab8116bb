"""The room as its tests use it."""

import hashlib
from datetime import timedelta
from typing import Any

from attrs import define

from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_domain.case import CaseService
from faultmaven_domain.evidence import (
    Evidence,
    EvidenceService,
    EvidenceTransactions,
    ExtractionRequested,
    FilesDropped,
)
from faultmaven_domain.kernel.events import Outgoing
from faultmaven_domain.kernel.files import StoredFile
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks
from faultmaven_domain.kernel.jobs import Job
from faultmaven_domain.kernel.principal import Principal
from tests.fakes.clock import FakeClock
from tests.fakes.extractor import SlowExtractor
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
#: A pool that runs dry, among what is normal.
LOG = "\n".join(
    f"2026-03-14 11:{n // 60:02}:{n % 60:02},000 "
    + (
        f"ERROR [db-pool] timeout after 30000 ms waiting for connection {n}"
        if n % 5 == 0 and n > 100
        else f"INFO [http] GET /cart/{n} 200"
    )
    for n in range(300)
)


@define
class Room:
    service: EvidenceService
    cases: CaseService
    files: MemoryFileProvider
    transactions: EvidenceTransactions
    extractor: SlowExtractor
    clock: FakeClock
    ids: FakeIds

    async def case(self, by: Principal = ANA) -> str:
        return (await self.cases.create(principal=by)).case_id

    async def stored(self, data: bytes | str) -> StoredFile:
        """What a shell does with an upload."""
        data = data.encode() if isinstance(data, str) else data
        key = await self.files.upload(f"evidence/{self.ids.new('f')}", data, "application/octet-stream")
        return StoredFile(key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def add(
        self, case_id: str, filename: str = "app.log", data: bytes | str = LOG, by: Principal = ANA, **more: Any
    ) -> Evidence:
        return await self.service.add(
            principal=by, case_id=case_id, filename=filename, stored=await self.stored(data), **more
        )

    async def extract(self, evidence: Evidence) -> None:
        await self.service.extract(request=requested(evidence))

    async def added(self, case_id: str, filename: str = "app.log", data: bytes | str = LOG, **more: Any) -> Evidence:
        """Added and read."""
        evidence = await self.add(case_id, filename, data, **more)
        await self.extract(evidence)
        return await self.service.get(principal=ANA, evidence_id=evidence.evidence_id)

    async def work(self, evidence: Evidence) -> Job:
        """Its job, as a worker does it; gives what became of it."""
        runner = JobRunner(JobBooks(evidence=self.transactions), self.clock)
        await runner.run(evidence.job_id, lambda: self.extract(evidence))
        async with self.transactions.view() as unit:
            job = await unit.jobs.get(evidence.job_id)
        assert job is not None
        return job

    async def waiting(self, topic: str) -> list[Outgoing]:
        async with self.transactions.view() as unit:
            due = await unit.outbox.due(sent_before=self.clock.now())
        return [message for message in due if message.topic == topic]

    async def dropped(self) -> list[FilesDropped]:
        """The requests to delete files that wait in the outbox."""
        found = [message.payload for message in await self.waiting(FilesDropped.topic)]
        return [FilesDropped(job_id=str(p["job_id"]), keys=tuple(map(str, p["keys"]))) for p in found]  # type: ignore[call-overload]

    async def keys(self) -> list[str]:
        """All that lies in the store."""
        return await self.files.keys("", older_than=self.clock.now() + timedelta(seconds=1))


def requested(evidence: Evidence) -> ExtractionRequested:
    return ExtractionRequested(job_id=evidence.job_id, evidence_id=evidence.evidence_id)
