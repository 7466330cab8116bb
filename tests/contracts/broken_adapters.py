"""An adapter for each suite that keeps its promises, and one that breaks one; ``test_broken_adapters.py`` runs both.

Not collected by itself: half of these are to fail.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest
from attrs import evolve

from faultmaven_adapters.memory.cache import MemoryCache
from faultmaven_adapters.memory.embedding_model import HashingEmbedder
from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.job_queue import MemoryJobQueue
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.rate_limiter import MemoryRateLimiter
from faultmaven_adapters.memory.reply_store import MemoryReplyStore
from faultmaven_adapters.memory.result_store import MemoryResultStore
from faultmaven_adapters.memory.session_store import MemorySessionStore
from faultmaven_adapters.memory.tables import Picture
from faultmaven_adapters.memory.text_extractor import READS, MemoryTextExtractor
from faultmaven_adapters.memory.transactions import UNITS, MemoryTransactions, memory_transactions
from faultmaven_adapters.memory.turn_events import MemoryTurnEvents
from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_adapters.system import RandomIds, SystemClock
from faultmaven_domain.agent import ChatResponse, TurnEvent
from faultmaven_domain.auth import Claims, InvalidToken
from faultmaven_domain.kernel.extraction import Extracted
from faultmaven_domain.kernel.idempotency import Claim
from faultmaven_domain.kernel.limits import Allowance
from faultmaven_domain.knowledge import Passage, Scope
from faultmaven_domain.session import Session
from tests.contracts.cache import CacheContract
from tests.contracts.data_provider import ModuleContract
from tests.contracts.embedding_model import EmbeddingModelContract
from tests.contracts.file_provider import SIGNER, FileProviderContract
from tests.contracts.identity_provider import IdentityProviderContract
from tests.contracts.job_queue import Deliveries, Handler, JobQueueContract
from tests.contracts.llm_provider import LLMProviderContract
from tests.contracts.offload import OffloadContract
from tests.contracts.outbox import OutboxContract
from tests.contracts.password_hasher import PasswordHasherContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.reply_store import ReplyStoreContract
from tests.contracts.result_store import ResultStoreContract
from tests.contracts.session_store import SessionStoreContract
from tests.contracts.text_extractor import TextExtractorContract
from tests.contracts.turn_events import BRIEF, TurnEventsContract
from tests.contracts.unit_of_work import UnitOfWorkContract
from tests.contracts.vector_provider import VectorProviderContract
from tests.fakes.clock import FakeClock
from tests.fakes.llm import ScriptedLLM

T = TypeVar("T")
FAR = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["healthy", "broken"])
def broken(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "broken")


# --- what is kept in a database


class Beside:
    """A repository that is another one but for what a class of this adds."""

    def __init__(self, repository: Any) -> None:
        self.repository = repository

    def __getattr__(self, name: str) -> Any:
        return getattr(self.repository, name)


class LosesWrites(Beside):
    """Says that it kept what it did not."""

    async def save(self, entity: T) -> T:
        return entity

    async def set(self, key: str, value: object) -> None: ...

    async def add(self, owner_id: str, name: str) -> bool:
        return True


class ListsEverybodysCases(Beside):
    async def of_owner(self, owner_id: str, **narrowed: Any) -> Any:
        return await self.repository.query()


class ShowsAnothersRevisions(Beside):
    async def revisions(self, document_ids: Sequence[str], *, owner_id: str) -> dict[str, str]:
        return {one.document_id: one.revision for one in await self.repository.by_ids(document_ids)}


class NeverForgets(Beside):
    async def delete_expired(self, *, before: datetime) -> int:
        return 0


class SendsWhatWasSent(Beside):
    async def due(self, *, sent_before: datetime, **narrowed: Any) -> Any:
        return await self.repository.due(sent_before=FAR, **narrowed)


class ChargesEverybody(Beside):
    async def total(self, *, user_id: str | None = None, **narrowed: Any) -> Any:
        return await self.repository.total(**narrowed)


#: By the name in the unit of work; all others lose writes.
WRONG: dict[str, Callable[[Any], Any]] = {
    "cases": ListsEverybodysCases,
    "documents": ShowsAnothersRevisions,
    "codes": NeverForgets,
    "families": NeverForgets,
    "outbox": SendsWhatWasSent,
    "usage": ChargesEverybody,
}


class Kept(ModuleContract):
    @pytest.fixture
    def transactions(self, broken: bool) -> MemoryTransactions[Any]:
        def wrong(picture: Picture) -> Any:
            unit = UNITS[self.module](picture)
            return evolve(unit, **{self.part: WRONG.get(self.part, LosesWrites)(self.of(unit))})

        return MemoryTransactions(wrong, lambda: None) if broken else memory_transactions(self.module)


class TestOutbox(Kept, OutboxContract): ...


for path in Path(__file__).parent.glob("*_repository.py"):
    for name, suite in vars(import_module(f"tests.contracts.{path.stem}")).items():
        if name.endswith("RepositoryContract"):
            called = f"Test{name.removesuffix('Contract')}"
            globals()[called] = type(called, (Kept, suite), {})


class CommitsWhatRaised(MemoryTransactions[Any]):
    @asynccontextmanager
    async def begin(self, *, lasting: bool = True) -> AsyncIterator[Any]:
        raised: Exception | None = None
        async with super().begin() as unit:
            try:
                yield unit
            except Exception as error:  # noqa: BLE001 - raised again, too late
                raised = error
        if raised is not None:
            raise raised


class TestUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def transactions(self, told: list[None], broken: bool) -> MemoryTransactions[Any]:
        return (CommitsWhatRaised if broken else MemoryTransactions)(UNITS["case"], lambda: told.append(None))


# --- files, passages and texts


class ListsWhatIsNew(MemoryFileProvider):
    async def keys(self, prefix: str, *, older_than: datetime) -> list[str]:
        return await super().keys(prefix, older_than=FAR)


class TestFileProvider(FileProviderContract):
    @pytest.fixture
    def files(self, broken: bool) -> MemoryFileProvider:
        return (ListsWhatIsNew if broken else MemoryFileProvider)(SIGNER, SystemClock())


class IgnoresTheOwner(MemoryVectorProvider):
    def _within(self, collection: str, scope: Scope) -> list[Passage]:
        found = self._collections.get(collection)
        return list(found.passages.values()) if found else []


class TestVectorProvider(VectorProviderContract):
    @pytest.fixture
    async def index(self, broken: bool) -> MemoryVectorProvider:
        return IgnoresTheOwner() if broken else MemoryVectorProvider()

    @pytest.fixture
    async def beside(self, index: MemoryVectorProvider) -> MemoryVectorProvider:
        return index


class LeavesThemSorted(HashingEmbedder):
    """As one does that embeds texts of like length together and forgets to put them back."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await super().embed(sorted(texts, key=len))


class TestEmbeddingModel(EmbeddingModelContract):
    @pytest.fixture
    def model(self, broken: bool) -> HashingEmbedder:
        return LeavesThemSorted() if broken else HashingEmbedder()


class EndsLinesTwice(MemoryTextExtractor):
    async def extract(self, contents: AsyncIterable[bytes], *, filename: str) -> AsyncGenerator[str | Extracted, None]:
        async with aclosing(super().extract(contents, filename=filename)) as found:
            async for one in found:
                yield one.replace("\n", "\r\n") if isinstance(one, str) else one


class TestTextExtractor(TextExtractorContract):
    @pytest.fixture
    def extractor(self, broken: bool) -> MemoryTextExtractor:
        return EndsLinesTwice() if broken else MemoryTextExtractor()

    @pytest.fixture
    def reads(self) -> frozenset[str]:
        return READS


class KeepsErrorsToItself(InlineOffload):
    async def run(self, function: Callable[..., Any], /, *args: object) -> Any:
        try:
            return await super().run(function, *args)
        except ZeroDivisionError:
            return None


class TestOffload(OffloadContract):
    @pytest.fixture
    def offload(self, broken: bool) -> InlineOffload:
        return KeepsErrorsToItself() if broken else InlineOffload()


# --- people and models


class TakesExpiredTokens(MemoryIdentityProvider):
    async def validate_token(self, token: str) -> Claims:
        if token not in self._access:
            raise InvalidToken
        return self._access[token]


class TestIdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, clock: FakeClock, broken: bool) -> MemoryIdentityProvider:
        return (TakesExpiredTokens if broken else MemoryIdentityProvider)(clock, RandomIds())


class KnowsNoCapitals(MemoryPasswordHasher):
    async def hash(self, password: str) -> str:
        return await super().hash(password.casefold())

    async def verify(self, password: str, hash: str | None) -> bool:
        return await super().verify(password.casefold(), hash)


class TestPasswordHasher(PasswordHasherContract):
    @pytest.fixture
    def hasher(self, broken: bool) -> MemoryPasswordHasher:
        return (KnowsNoCapitals if broken else MemoryPasswordHasher)(RandomIds())


class NeverComesToAnEnd(ScriptedLLM):
    """Streams the pieces, and not the whole."""

    async def stream(self, *given: Any, **options: Any) -> AsyncGenerator[str | ChatResponse, None]:
        async with aclosing(super().stream(*given, **options)) as items:
            async for item in items:
                if isinstance(item, str):
                    yield item


class TestLLMProvider(LLMProviderContract):
    @pytest.fixture
    def llm(self, broken: bool) -> ScriptedLLM:
        return NeverComesToAnEnd() if broken else ScriptedLLM()


# --- what processes share


class LosesWhatIsDelayed(MemoryJobQueue):
    async def enqueue(
        self, job_type: str, payload: dict[str, object], *, job_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        return job_id if delay else await super().enqueue(job_type, payload, job_id=job_id)


class TestJobQueue(JobQueueContract):
    @pytest.fixture
    def queue(self, broken: bool) -> MemoryJobQueue:
        return LosesWhatIsDelayed() if broken else MemoryJobQueue()

    @pytest.fixture
    def deliveries(self, queue: MemoryJobQueue) -> Deliveries:
        async def deliver(handler: Handler) -> None:
            consumer = asyncio.create_task(queue.consume(handler))
            await queue.idle()
            consumer.cancel()
            await asyncio.wait({consumer})

        return deliver


class WritesDownAnything(MemoryResultStore):
    async def set(self, job_id: str, result: dict[str, object], ttl: timedelta | None = None) -> None:
        await super().set(job_id, json.loads(json.dumps(result, default=str)), ttl)


class TestResultStore(ResultStoreContract):
    @pytest.fixture
    def results(self, broken: bool) -> MemoryResultStore:
        return WritesDownAnything() if broken else MemoryResultStore()


class BeginsAnew(MemoryTurnEvents):
    async def read(self, job_id: str, *, after: str | None = None, wait: timedelta) -> tuple[TurnEvent, ...]:
        return await super().read(job_id, wait=wait)


class TestTurnEvents(TurnEventsContract):
    @pytest.fixture
    def events(self, broken: bool) -> MemoryTurnEvents:
        return BeginsAnew() if broken else MemoryTurnEvents()

    @pytest.fixture
    def elsewhere(self, events: MemoryTurnEvents) -> MemoryTurnEvents:
        return events

    @pytest.fixture
    def brief(self, broken: bool) -> MemoryTurnEvents:
        return (BeginsAnew if broken else MemoryTurnEvents)(BRIEF)


class MixesUsers(MemorySessionStore):
    async def of_user(self, user_id: str, *, now: datetime) -> list[Session]:
        return sorted(self._live(now), key=lambda session: session.opened_at, reverse=True)


class TestSessionStore(SessionStoreContract):
    @pytest.fixture
    def store(self, broken: bool) -> MemorySessionStore:
        return MixesUsers() if broken else MemorySessionStore()


class RenewsForAnybody(MemoryReplyStore):
    async def renew(self, claim: Claim, *, lease: timedelta) -> bool:
        return await super().renew(claim, lease=lease) or True


class TestReplyStore(ReplyStoreContract):
    @pytest.fixture
    def store(self, broken: bool) -> MemoryReplyStore:
        return RenewsForAnybody() if broken else MemoryReplyStore()


class HasOneBucket(MemoryRateLimiter):
    async def take(self, bucket: str, *, limit: int, window: timedelta, now: datetime) -> Allowance:
        return await super().take("everybody's", limit=limit, window=window, now=now)


class TestRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, broken: bool) -> MemoryRateLimiter:
        return HasOneBucket() if broken else MemoryRateLimiter()


class KnowsMorePatterns(MemoryCache):
    async def invalidate(self, pattern: str) -> None:
        for key in [key for key in self._entries if fnmatchcase(key, pattern)]:
            del self._entries[key]


class TestCache(CacheContract):
    @pytest.fixture
    def cache(self, broken: bool) -> MemoryCache:
        return KnowsMorePatterns() if broken else MemoryCache()
