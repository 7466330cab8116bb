"""What :func:`faultmaven_adapters.open` gives: every service, wired, and the two things one does most."""

import asyncio
import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from attrs import evolve, field, frozen

from faultmaven_domain.agent import AgentService, Answer, Providers, TurnStatus
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import CaseService
from faultmaven_domain.evidence import Evidence, EvidenceService
from faultmaven_domain.kernel.backlog import QueueFull
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput
from faultmaven_domain.kernel.files import FileProvider, Measured, StoredFile
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.ids import IdSource
from faultmaven_domain.kernel.job_service import JobService
from faultmaven_domain.kernel.jobs import Job
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.kernel.principal import ADMIN, USER, Principal
from faultmaven_domain.knowledge import Added, Document, EmbeddingRequested, KnowledgeService, SearchResult
from faultmaven_domain.session import SessionService

from .files.signing import UrlSigner
from .settings import Settings

log = logging.getLogger(__name__)
S = TypeVar("S")
#: Who a command on the server's own machine acts as.
OPERATOR = Principal(user_id="usr_operator", roles=(USER, ADMIN))
#: What `ingest` takes for a document; other files are skipped with a word.
DOCUMENTS = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".docx", ".json", ".yaml", ".yml", ".csv", ".xml")
#: Said of a search that finds nothing meanwhile.
NOT_YET = "Documents wait to be indexed, and are found once that is done."
_POLL, _PATIENT_POLL = 0.02, 0.5
_PIECE = 2**20


@frozen(kw_only=True)
class Ingested:
    """One file's fate: ``document`` None where it was skipped, and ``reason`` why, or what went wrong with it."""

    path: Path
    document: Document | None
    reason: str = ""
    unchanged: bool = False


async def pinged(ping: Callable[[], Awaitable[None]]) -> str | None:
    """None where all is well, else why it is not."""
    try:
        async with asyncio.timeout(5):
            await ping()
    except FaultMavenError as error:
        return error.message
    except TimeoutError:
        return "It does not answer within 5 s."
    except Exception:  # one that is ill in a new way does not hide how the others are
        log.exception("a ping failed")
        return "It fails in a way the server's log tells."
    return None


@frozen(kw_only=True, eq=False)
class FaultMaven:
    """Everything opened. Use-cases are the services' methods; who asks is always told by a principal."""

    settings: Settings
    services: Mapping[type, Any] = field(repr=False)
    files: FileProvider
    signer: UrlSigner
    limiter: RateLimiter
    replies: ReplyStore
    providers: Providers
    clock: Clock
    ids: IdSource
    notes: tuple[str, ...]  # what the operator should know of this start
    pings: Mapping[str, Callable[[], Awaitable[None]]] = field(repr=False)
    modules: frozenset[str]  # those that run in this process
    local: Mapping[type, object] = field(factory=dict, repr=False)  # and their services
    redis: Any = None  # where the worker finds its queues: an Address or a socket; None in memory
    internal_key: str | None = field(default=None, repr=False)  # what the modules here are called with from afar

    @property
    def auth(self) -> AuthService:
        return self._service(AuthService)

    @property
    def sessions(self) -> SessionService:
        return self._service(SessionService)

    @property
    def cases(self) -> CaseService:
        return self._service(CaseService)

    @property
    def evidence(self) -> EvidenceService:
        return self._service(EvidenceService)

    @property
    def knowledge(self) -> KnowledgeService:
        return self._service(KnowledgeService)

    @property
    def agent(self) -> AgentService:
        return self._service(AgentService)

    @property
    def jobs(self) -> JobService:
        return self._service(JobService)

    def _service(self, kind: type[S]) -> S:
        service: S = self.services[kind]
        return service

    async def health(self) -> dict[str, str | None]:
        """Each dependency: None when it is well, else why it is not."""
        names = list(self.pings)
        results = await asyncio.gather(*[pinged(self.pings[name]) for name in names])
        return dict(zip(names, results, strict=True))

    async def ingest(
        self, *paths: Path, principal: Principal = OPERATOR, seen: Callable[[Ingested], None] = lambda _: None
    ) -> list[Ingested]:
        """Teach the files, and those in the folders, to the knowledge base all see, and wait until they are found.

        ``seen`` is told of each as it is done. Raises: InvalidInput for a path that is not there.
        """
        waiting: list[Ingested] = []
        done: list[Ingested] = []
        for path, name in _documents(paths):
            one = await self._ingest_one(path, name, principal)
            if one.document is None or one.unchanged:
                done.append(one)
                seen(one)
            else:
                waiting.append(one)
        for one in waiting:
            assert one.document is not None
            job = await self.wait_for(one.document.job_id, principal=principal)
            document = (await self.knowledge.get(principal=principal, document_id=one.document.document_id)).document
            ended = Ingested(path=one.path, document=document, reason=job.error or "")
            done.append(ended)
            seen(ended)
        return done

    async def ask(
        self, question: str, *, files: Sequence[Path] = (), principal: Principal = OPERATOR, keep: bool = False
    ) -> Answer:
        """Open a case, put the files into it, wait until they are read, and ask. The case goes unless ``keep``.

        Raises: InvalidInput; any error the turn ends in.
        """
        case = await self.cases.create(principal=principal, title=question.strip()[:80] or None)
        try:
            added = [await self.attach(case.case_id, path, principal=principal) for path in files]
            for evidence in added:
                await self.wait_for(evidence.job_id, principal=principal)
            turn = await self.agent.submit(principal=principal, case_id=case.case_id, message=question)
            await self.wait_for(turn.job_id, principal=principal)
            turn = await self.agent.result(principal=principal, job_id=turn.job_id)
            if turn.status is not TurnStatus.COMPLETED or turn.answer is None:
                raise FaultMavenError(turn.error or "The turn was not answered.")
            return turn.answer
        finally:
            if not keep:
                await self.cases.delete(principal=principal, case_id=case.case_id)

    async def search(self, query: str, *, limit: int = 10, principal: Principal = OPERATOR) -> SearchResult:
        """What the knowledge base says about a query, with a note where that is nothing and documents wait for it."""
        found = await self.knowledge.search(principal=principal, query=query, limit=limit)
        if found.hits:
            return found
        coming = await self.jobs.list(principal=principal, status="processing")
        waits = any(job.kind == EmbeddingRequested.topic for job in coming)
        return evolve(found, notes=(*found.notes, NOT_YET)) if waits else found

    async def attach(self, case_id: str, path: Path, *, principal: Principal = OPERATOR) -> Evidence:
        """Put a file into a case; it is read soon after. Raises: InvalidInput; CaseNotFound; CaseClosed."""
        stored = await self._stored("evidence", path)
        return await self.evidence.add(
            principal=principal, case_id=case_id, filename=path.name, stored=stored, media_type=_media_type(path)
        )

    async def wait_for(self, job_id: str, *, principal: Principal = OPERATOR) -> Job:
        """The job, once it has ended."""
        while True:
            job = await self.jobs.get(principal=principal, job_id=job_id)
            if job.ended:
                return job
            await asyncio.sleep(_POLL)

    async def settled(self) -> None:
        """Wait until no job is waiting or running."""
        while waiting := await self.jobs.list(principal=OPERATOR, status="processing", limit=1):
            await self.wait_for(waiting[0].job_id)

    async def _ingest_one(self, path: Path, name: str, principal: Principal) -> Ingested:
        if path.suffix.lower() not in DOCUMENTS:
            return Ingested(path=path, document=None, reason=f"not a document ({path.suffix or 'no extension'})")
        try:
            if await asyncio.to_thread(lambda: path.stat().st_size) == 0:
                return Ingested(path=path, document=None, reason="empty")
            stored = await self._stored("knowledge", path)
            add = partial(
                self.knowledge.add_file,
                principal=principal,
                filename=path.name,
                stored=stored,
                media_type=_media_type(path),
                source=name,
                document_type="runbook",
                global_=True,
            )
            added = await _once_there_is_room(add)
        except (OSError, FaultMavenError) as error:
            return Ingested(path=path, document=None, reason=str(error))
        return Ingested(path=path, document=added.document, unchanged=added.unchanged)

    async def _stored(self, room: str, path: Path) -> StoredFile:
        try:
            size = await asyncio.to_thread(lambda: path.stat().st_size)
            if size > self.settings.max_upload_bytes:
                raise InvalidInput(f"{path} is larger than {self.settings.max_upload_bytes} bytes.", field="file")
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}.", field="file") from error
        with file:
            passing = Measured(_pieces(file, path))
            key = await self.files.upload(f"{room}/{self.ids.new('f')}", passing, _media_type(path))
        return passing.stored(key)


async def _once_there_is_room(add: Callable[[], Awaitable[Added]]) -> Added:
    """A folder may hold more documents than may wait at once: the next is added when some are done."""
    while True:
        try:
            return await add()
        except QueueFull:
            await asyncio.sleep(_PATIENT_POLL)


async def _pieces(file: BinaryIO, path: Path) -> AsyncIterator[bytes]:
    """Raises: InvalidInput where it cannot be read any more."""
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", field="file") from error


def _documents(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Every file and what it is called in the knowledge base: its path below the folder that was named."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
            found += [(p, p.relative_to(path).as_posix()) for p in inside]
        elif path.is_file():
            found.append((path, path.name))
        else:
            raise InvalidInput(f"{path} is not there.", field="path")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _media_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
