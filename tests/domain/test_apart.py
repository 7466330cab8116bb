"""The six modules run in one process or apart, and nobody who uses them can tell."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
import pytest
from attrs import define
from starlette.applications import Starlette

from faultmaven_adapters.composition import ROOMS, Services, compose
from faultmaven_adapters.jobs import JobHandler
from faultmaven_adapters.open_memory import open_memory
from faultmaven_adapters.remote import RemoteModule, internal_key
from faultmaven_adapters.settings import load_settings
from faultmaven_domain.agent import AgentService, TurnStatus
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import CaseNotFound, CaseService
from faultmaven_domain.evidence import EvidenceService
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.files import FileProvider, StoredFile
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import ResultStore
from faultmaven_domain.knowledge import KnowledgeService
from faultmaven_domain.session import SessionService
from faultmaven_http.routes.internal import internal_routes

S = TypeVar("S")
LATER = datetime(9999, 1, 1, tzinfo=UTC)
KEY = internal_key("a secret that all processes share")
#: What all processes of an installation have in common, besides the secret.
SHARED = (FileProvider, Cache, ResultStore)
MODULES = tuple(ROOMS)
TOGETHER, SCATTERED = (MODULES,), tuple((module,) for module in MODULES)
PARTS = [
    TOGETHER,
    SCATTERED,
    *[(tuple(other for other in MODULES if other != module), (module,)) for module in MODULES],
]
LOG = "\n".join(f"2026-03-14 11:{n // 60:02}:{n % 60:02} ERROR the pool is empty, request {n} waits" for n in range(99))


@define
class Process:
    """Some modules, with data of their own."""

    services: Services
    books: JobBooks

    async def work(self) -> bool:
        """What waits in these modules' outboxes, once; False where nothing does."""
        jobs: JobService = self.services[JobService]
        handler = JobHandler(services=self.services, runner=self.services[JobRunner], jobs=jobs)
        due: list[Any] = []
        for transactions in self.books.values():
            async with transactions.view() as unit:
                due += await unit.outbox.due(sent_before=jobs.clock.now())
        for message in due:
            await handler(message.topic, message.payload, message.id)
        return bool(due)


@define
class Installation:
    processes: list[Process]
    files: FileProvider

    def __getitem__(self, service: type[S]) -> S:
        """A service as the first process sees it."""
        found: S = self.processes[0].services[service]
        return found

    async def work(self) -> None:
        while any([await process.work() for process in self.processes]):
            pass


@pytest.fixture(params=PARTS, ids=lambda parts: " ".join("+".join(sorted(part)) for part in parts))
async def installation(request: pytest.FixtureRequest) -> AsyncIterator[Installation]:
    parts: Sequence[Sequence[str]] = request.param
    async with AsyncExitStack() as stack:
        apps = [Starlette() for _ in parts]
        reached: dict[str, Callable[[type], object]] = {}
        for part, app in zip(parts, apps, strict=True):
            process = RemoteModule("http://apart", KEY, httpx2.AsyncClient(transport=httpx2.ASGITransport(app)))
            stack.push_async_callback(process.close)
            reached |= dict.fromkeys(part, process.service)
        processes: list[Process] = []
        shared: dict[type, Any] = {}
        for part, app in zip(parts, apps, strict=True):
            adapters = open_memory(stack, load_settings({})).adapters
            shared = shared or {port: adapters[port] for port in SHARED}
            books = JobBooks({module: book for module, book in adapters[JobBooks].items() if module in part})
            away = {module: service for module, service in reached.items() if module not in part}
            services = compose({**adapters, **shared, JobBooks: books}, remote=away)
            here = {ROOMS[module].service: services[ROOMS[module].service] for module in part}
            app.router.routes.extend(internal_routes(here, KEY))
            processes.append(Process(services, books))
        yield Installation(processes, shared[FileProvider])


async def test_an_incident_from_beginning_to_end(installation: Installation) -> None:
    """Register, learn a runbook, open a case, upload a log, ask, close it, read its post-mortem, delete it."""
    auth, cases, evidence = installation[AuthService], installation[CaseService], installation[EvidenceService]
    agent, knowledge = installation[AgentService], installation[KnowledgeService]
    await knowledge.start()
    await auth.register(email="ana@example.com", password="correct horse", full_name="Ana")
    tokens = (await auth.login(name="ana@example.com", password="correct horse")).tokens
    ana = await auth.authenticate(token=tokens.access_token)
    opened = await installation[SessionService].open(client_id="c1", user_id=ana.user_id)
    assert opened.session.user_id == ana.user_id

    await knowledge.add(principal=ana, title="PoolEmpty", content="## Fix\nThe pool is empty: raise it.", global_=True)
    case = await cases.create(principal=ana, title="Requests wait")
    mine: dict[str, Any] = {"principal": ana, "case_id": case.case_id}
    assert (await cases.get_case_with_owner(**mine)).owner.name == "Ana"
    await evidence.add(**mine, filename="app.log", stored=await stored(installation.files, LOG.encode()))
    await installation.work()

    turn = await agent.submit(**mine, message="Why do requests wait?")
    await installation.work()

    turn = await agent.result(principal=ana, job_id=turn.job_id)
    assert (turn.status, turn.error) == (TurnStatus.COMPLETED, None)
    assert turn.answer is not None
    assert {citation.title for citation in turn.answer.citations} == {"app.log", "PoolEmpty"}
    assert [message.turn_number for message in (await cases.messages(**mine)).items] == [1, 1]

    await cases.close(**mine)
    await installation.work()
    [report] = await cases.reports(**mine)
    assert report.citations
    assert (await knowledge.list(principal=ana)).items[0].title == report.title

    await cases.delete(**mine)
    await installation.work()
    with pytest.raises(CaseNotFound):
        await cases.get(**mine)
    assert (await evidence.list(principal=ana)).total == 0
    assert await installation.files.keys("evidence/", older_than=LATER) == []


async def stored(files: FileProvider, data: bytes) -> StoredFile:
    key = await files.upload("evidence/f_1", data, "text/plain")
    return StoredFile(key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())
