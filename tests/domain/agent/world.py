"""The room and those it asks, each reached as the test wants, and a worker that does all their jobs."""

import hashlib
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from attrs import define, evolve

from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_adapters.jobs import JobHandler
from faultmaven_adapters.memory.cache import MemoryCache
from faultmaven_adapters.memory.embedding_model import HashingEmbedder
from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.result_store import MemoryResultStore
from faultmaven_adapters.memory.text_extractor import MemoryTextExtractor
from faultmaven_adapters.memory.transactions import MemoryTransactions, memory_transactions
from faultmaven_adapters.memory.turn_events import MemoryTurnEvents
from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_domain.agent import (
    AgentService,
    AgentTransactions,
    Budget,
    ChatTurnRequested,
    Executor,
    LLMProvider,
    Models,
    Optimizer,
    Providers,
    Router,
    Spending,
    Turn,
)
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import Case, CaseMessage, CaseService, PostMortemRequested
from faultmaven_domain.evidence import Evidence, EvidenceService
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.files import StoredFile
from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import Job
from faultmaven_domain.kernel.principal import Principal
from faultmaven_domain.knowledge import KnowledgeService
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.llm import ScriptedLLM
from tests.fakes.people import ANA, ROOT
from tests.fakes.reach import Reach

RUNBOOK = """\
## Meaning
The connection pool of the database is exhausted.

## Diagnosis
Compare connection_timeout with the slowest query.

## Fix
Raise maximum, then find the query.
"""
QUESTION = "Why is there a timeout waiting for connection?"
LOG = "\n".join(
    f"2026-03-14 11:{n // 60:02}:{n % 60:02},000 {'ERROR' if n > 100 and n % 5 == 0 else 'INFO'} "
    + (f"[db-pool] timeout waiting for connection {n}" if n > 100 and n % 5 == 0 else f"[http] GET /cart/{n}")
    for n in range(300)
)


@define
class World:
    """``here`` is the agent's service itself, ``agent`` the same wherever it runs; so are the other rooms'."""

    here: AgentService
    agent: AgentService
    cases: CaseService
    evidence: EvidenceService
    knowledge: KnowledgeService
    llm: ScriptedLLM
    results: MemoryResultStore
    files: MemoryFileProvider
    books: JobBooks
    clock: FakeClock
    ids: FakeIds
    reach: Reach

    @property
    def jobs(self) -> JobService:
        return JobService(self.books, self.clock)

    async def case(self, by: Principal = ANA, **more: Any) -> Case:
        return await self.cases.create(principal=by, **{"title": "Checkout fails", **more})

    async def attach(self, case: Case, filename: str = "app.log", text: str = LOG, *, read: bool = True) -> Evidence:
        data = text.encode()
        key = await self.files.upload(f"evidence/{self.ids.new('f')}", data, "text/plain")
        stored = StoredFile(key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        added = await self.evidence.add(principal=ANA, case_id=case.case_id, filename=filename, stored=stored)
        if read:
            await self.work()
        return added

    async def teach(self, title: str = "DatabasePoolExhausted", content: str = RUNBOOK, by: Principal = ROOT) -> str:
        added = await self.knowledge.add(principal=by, title=title, content=content, global_=by is ROOT)
        await self.work()
        return added.document.document_id

    async def ask(self, case: Case, message: str = QUESTION, **more: Any) -> Turn:
        return await self.agent.submit(principal=ANA, case_id=case.case_id, message=message, **more)

    async def answered(self, case: Case, message: str = QUESTION, **more: Any) -> Turn:
        turn = await self.ask(case, message, **more)
        await self.work()
        return await self.result(turn)

    async def result(self, turn: Turn, by: Principal = ANA) -> Turn:
        return await self.agent.result(principal=by, job_id=turn.job_id)

    async def said(self, case: Case) -> tuple[CaseMessage, ...]:
        return (await self.cases.messages(principal=ANA, case_id=case.case_id)).items

    async def job(self, job_id: str) -> Job:
        return await self.jobs.get(principal=ROOT, job_id=job_id)

    async def work(self, agent: AgentService | None = None, *, topics: Collection[str] = ()) -> list[timedelta]:
        """Everything that waits, and what that asks for, once each; gives after how long what waits on is due again.

        ``agent`` answers in place of the room's own. ``topics`` are the only ones worked on, where any are named.
        """
        services = {
            AgentService: agent or self.agent,
            EvidenceService: self.evidence,
            KnowledgeService: self.knowledge,
        }
        handler = JobHandler(services=services, runner=JobRunner(self.books, self.clock), jobs=self.jobs)
        done: set[str] = set()
        later: list[timedelta] = []
        while due := [m for m in await self._due() if m.id not in done and (not topics or m.topic in topics)]:
            for message in due:
                done.add(message.id)
                try:
                    await handler(message.topic, message.payload, message.id)
                except TryAgain as again:
                    later.append(again.delay)
        return later

    async def waiting(self, topic: str) -> list[str]:
        return [message.id for message in await self._due() if message.topic == topic]

    async def _due(self) -> list[Any]:
        found: list[Any] = []
        for transactions in self.books.values():
            async with transactions.view() as unit:
                found += await unit.outbox.due(sent_before=self.clock.now() + timedelta(days=1))
        return found

    def agent_with(self, **ports: Any) -> AgentService:
        """The agent's service, other in these ports."""
        return self.reach(evolve(self.here, **ports))


def requested(turn: Turn) -> ChatTurnRequested:
    return ChatTurnRequested(job_id=turn.job_id, case_id=turn.case_id, user_id=turn.user_id)


def post_mortem_of(case: Case, job_id: str) -> PostMortemRequested:
    return PostMortemRequested(job_id=job_id, case_id=case.case_id, owner_id=case.owner_id)


def engine(
    transactions: AgentTransactions,
    clock: FakeClock,
    ids: FakeIds,
    *providers: LLMProvider,
    models: Models | None = None,
    budget: Budget | None = None,
    cache: Cache | None = None,
) -> Executor:
    """What stands between the room and its models."""
    models = models or Models()
    return Executor(
        Router(Providers(providers), models, clock),
        Optimizer(cache or MemoryCache(), models),
        Spending(transactions, budget or Budget(), clock, ids),
    )


def build(reach: Reach, clock: FakeClock, ids: FakeIds) -> World:
    books: dict[str, MemoryTransactions[Any]] = {
        module: memory_transactions(module) for module in ("auth", "case", "evidence", "knowledge", "agent")
    }
    files = MemoryFileProvider(UrlSigner("http://localhost/files", b"secret", clock), clock)
    offload, extractor = InlineOffload(), MemoryTextExtractor()
    identity, hasher = MemoryIdentityProvider(clock, ids), MemoryPasswordHasher(ids)
    auth = reach(AuthService(books["auth"], identity, hasher, clock, ids))
    cases = reach(CaseService(books["case"], auth, clock, ids))
    evidence = reach(EvidenceService(books["evidence"], cases, files, extractor, offload, offload, clock, ids))
    knowledge = reach(
        KnowledgeService(
            transactions=books["knowledge"],
            vectors=MemoryVectorProvider(),
            embeddings=HashingEmbedder(),
            files=files,
            extractor=extractor,
            offload=offload,
            cache=MemoryCache(),
            clock=clock,
            ids=ids,
        )
    )
    llm, results = ScriptedLLM(), MemoryResultStore()
    events, cache = MemoryTurnEvents(), MemoryCache()
    executor = engine(books["agent"], clock, ids, llm, cache=cache)
    here = AgentService(books["agent"], cases, evidence, knowledge, executor, Models(), results, events, clock, ids)
    return World(
        here=here,
        agent=reach(here),
        cases=cases,
        evidence=evidence,
        knowledge=knowledge,
        llm=llm,
        results=results,
        files=files,
        books=JobBooks(books),
        clock=clock,
        ids=ids,
        reach=reach,
    )
