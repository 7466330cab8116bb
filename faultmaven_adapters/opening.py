"""What a start has opened so far, and the steps every start takes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field

from faultmaven_domain.agent import AgentTransactions, Providers
from faultmaven_domain.auth import AuthTransactions
from faultmaven_domain.case import CaseTransactions
from faultmaven_domain.evidence import EvidenceTransactions
from faultmaven_domain.kernel.backlog import Backlog
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.files import FileProvider
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.ids import IdSource
from faultmaven_domain.kernel.job_service import JobBooks
from faultmaven_domain.kernel.jobs import JobQueue
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.knowledge import KnowledgeTransactions

from .files.signing import UrlSigner
from .jobs import backlog_of
from .redis.address import Address
from .settings import Settings
from .system import RandomIds, SystemClock

TRANSACTIONS: dict[str, type] = {
    "auth": AuthTransactions,
    "case": CaseTransactions,
    "evidence": EvidenceTransactions,
    "knowledge": KnowledgeTransactions,
    "agent": AgentTransactions,
}


class Progress(Protocol):
    """Told of a step that takes long: what it does, how much is done, and of how much (None where nobody knows)."""

    def __call__(self, what: str, done: int, total: int | None) -> None: ...


def quiet(what: str, done: int, total: int | None) -> None:
    """Tells nobody."""


class _Adapter(Protocol):
    async def ping(self) -> None: ...

    async def close(self) -> None: ...


@define
class Opening:
    """What is open so far. Whoever adds an adapter adds its ping and its close with it."""

    settings: Settings
    stack: AsyncExitStack
    clock: Clock = field(factory=SystemClock)
    ids: IdSource = field(factory=RandomIds)
    adapters: dict[type, Any] = field(factory=dict)
    pings: dict[str, Callable[[], Awaitable[None]]] = field(factory=dict)
    notes: list[str] = field(factory=list)
    outbox: asyncio.Event = field(factory=asyncio.Event)
    remote: dict[str, Callable[[type], object]] = field(factory=dict)
    alone: bool = False  # no other process works on this data
    redis: Address | Path | None = None  # of the queue
    internal_key: str | None = None  # what modules in other processes are called with

    def add(self, port: type, adapter: Any) -> None:
        self.adapters[port] = adapter

    def watch(self, name: str, adapter: _Adapter) -> None:
        self.pings[name] = adapter.ping
        self.stack.push_async_callback(adapter.close)

    @property
    def files(self) -> FileProvider:
        files: FileProvider = self.adapters[FileProvider]
        return files

    @property
    def limiter(self) -> RateLimiter:
        limiter: RateLimiter = self.adapters[RateLimiter]
        return limiter

    @property
    def replies(self) -> ReplyStore:
        replies: ReplyStore = self.adapters[ReplyStore]
        return replies

    @property
    def providers(self) -> Providers:
        providers: Providers = self.adapters[Providers]
        return providers

    @property
    def queue(self) -> JobQueue:
        queue: JobQueue = self.adapters[JobQueue]
        return queue

    @property
    def signer(self) -> UrlSigner:
        signer: UrlSigner = self.adapters[UrlSigner]
        return signer

    def begin(self) -> None:
        """What every start has."""
        self.add(Clock, self.clock)
        self.add(IdSource, self.ids)
        self.add(Backlog, backlog_of(self.settings))

    def add_transactions(self, books: Mapping[str, Any], modules: frozenset[str]) -> None:
        """Each module's transactions; jobs are read and sent for the modules that run here."""
        for module, port in TRANSACTIONS.items():
            self.add(port, books[module])
        self.add(JobBooks, JobBooks({module: books[module] for module in books if module in modules}))

    def sign_files(self, secret: bytes) -> UrlSigner:
        settings = self.settings
        base = settings.public_url or f"http://{settings.host}:{settings.port}"
        signer = UrlSigner(f"{base.rstrip('/')}/v1/files", secret, self.clock)
        self.add(UrlSigner, signer)
        return signer
