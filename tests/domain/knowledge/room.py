"""The room as its tests use it, and a worker that does its jobs when told to."""

import hashlib
from contextlib import suppress
from typing import Any

from attrs import define, evolve

from faultmaven_domain.kernel.files import StoredFile
from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import Job
from faultmaven_domain.kernel.principal import Principal
from faultmaven_domain.knowledge import (
    Added,
    Document,
    DocumentDeleted,
    EmbeddingRequested,
    KnowledgeService,
    SearchResult,
    VectorProvider,
)
from faultmaven_domain.knowledge.indexing import EMBEDDED_AT_ONCE, WRITTEN_AT_ONCE
from tests.fakes.clock import FakeClock
from tests.fakes.embedding_model import FakeModel
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA
from tests.fakes.reach import Reach

#: A text of more passages than are written at once, and how many batches of the model come before the first writing.
LONG = "\n\n".join(f"## Part {n}\n\nalpha {n}" for n in range(WRITTEN_AT_ONCE + EMBEDDED_AT_ONCE + 1))
WRITTEN_BATCHES = WRITTEN_AT_ONCE // EMBEDDED_AT_ONCE
MESSAGES = {"jobs.embedding": (EmbeddingRequested, "index"), "events.document_deleted": (DocumentDeleted, "forget")}


@define
class Room:
    """``here`` is the service itself, ``knowledge`` the same wherever it runs."""

    here: KnowledgeService
    knowledge: KnowledgeService
    model: FakeModel
    clock: FakeClock
    ids: FakeIds
    reach: Reach

    @property
    def jobs(self) -> JobService:
        return JobService(JobBooks(knowledge=self.here.transactions), self.clock)

    async def with_model(self, model: FakeModel) -> "Room":
        """The same room after a restart with another model."""
        here = evolve(self.here, embeddings=model)
        return evolve(self, here=here, knowledge=self.reach(here), model=model)

    def with_vectors(self, vectors: VectorProvider) -> "Room":
        """The same room over another index."""
        here = evolve(self.here, vectors=vectors)
        return evolve(self, here=here, knowledge=self.reach(here))

    async def put(self, data: bytes, key: str | None = None) -> StoredFile:
        key = await self.here.files.upload(key or f"knowledge/{self.ids.new('f')}", data, "text/plain")
        return StoredFile(key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def add(self, title: str = "Runbook", content: str = "Words.", by: Principal = ANA, **more: Any) -> Added:
        return await self.knowledge.add(principal=by, title=title, content=content, **more)

    async def taught(self, title: str = "Runbook", content: str = "Words.", by: Principal = ANA, **more: Any) -> str:
        """Added and indexed; gives the document's id."""
        added = await self.add(title, content, by, **more)
        await self.work()
        return added.document.document_id

    async def document(self, document_id: str, by: Principal = ANA) -> Document:
        return (await self.knowledge.get(principal=by, document_id=document_id)).document

    async def waiting(self) -> list[EmbeddingRequested | DocumentDeleted]:
        """What the outbox holds."""
        async with self.here.transactions.view() as unit:
            due = await unit.outbox.due(sent_before=self.clock.now(), limit=10_000)
        return [MESSAGES[message.topic][0](**message.payload) for message in due]

    async def do(self, request: EmbeddingRequested | DocumentDeleted) -> Job:
        """One job once, as a worker does it; gives what became of it."""
        runner = JobRunner(JobBooks(knowledge=self.here.transactions), self.clock)
        use_case = getattr(self.knowledge, MESSAGES[request.topic][1])
        with suppress(TryAgain):
            await runner.run(request.job_id, lambda: use_case(request=request))
        async with self.here.transactions.view() as unit:
            job = await unit.jobs.get(request.job_id)
        assert job is not None
        return job

    async def work(self) -> None:
        """All that waits, once each."""
        for request in await self.waiting():
            await self.do(request)

    async def search(self, query: str, by: Principal = ANA, **more: Any) -> SearchResult:
        return await self.knowledge.search(principal=by, query=query, **more)

    async def titles(self, query: str, by: Principal = ANA, **more: Any) -> list[str]:
        return [hit.title for hit in (await self.search(query, by, **more)).hits]


async def nothing() -> None:
    """A batch of the model that passes without anything."""


async def the_request(room: Room) -> EmbeddingRequested:
    """The only one that waits."""
    [request] = await room.waiting()
    assert isinstance(request, EmbeddingRequested)
    return request
