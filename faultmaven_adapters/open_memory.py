"""A start wholly in memory: for tests, for trying things out, and for programs that keep nothing."""

import secrets
from contextlib import AsyncExitStack

from faultmaven_domain.agent import TurnEvents
from faultmaven_domain.auth import IdentityProvider, PasswordHasher
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_domain.kernel.extraction import Offload, PromptOffload, TextExtractor
from faultmaven_domain.kernel.files import FileProvider
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.jobs import JobQueue, ResultStore
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.knowledge import EmbeddingModel, VectorProvider
from faultmaven_domain.session import SessionStore

from .memory.cache import MemoryCache
from .memory.embedding_model import HashingEmbedder
from .memory.files import MemoryFileProvider
from .memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from .memory.job_queue import MemoryJobQueue
from .memory.offload import InlineOffload
from .memory.rate_limiter import MemoryRateLimiter
from .memory.reply_store import MemoryReplyStore
from .memory.result_store import MemoryResultStore
from .memory.session_store import MemorySessionStore
from .memory.text_extractor import MemoryTextExtractor
from .memory.transactions import memory_transactions
from .memory.turn_events import MemoryTurnEvents
from .memory.vectors import MemoryVectorProvider
from .open_llm import add_llm
from .opening import TRANSACTIONS, Opening
from .settings import MODULES, Profile, Settings


def open_memory(stack: AsyncExitStack, settings: Settings) -> Opening:
    """Every adapter in this process; the model that answers is still the settings'.

    Raises: Misconfigured outside Core, where others rely on what is kept.
    """
    if settings.profile is not Profile.CORE:
        raise Misconfigured(f"Everything in memory is lost with the process; profile {settings.profile} has no such.")
    opening = Opening(settings, stack, alone=True)
    opening.begin()
    add_llm(opening)
    books = {module: memory_transactions(module, opening.outbox.set) for module in TRANSACTIONS}
    opening.add_transactions(books, frozenset(MODULES))
    signer = opening.sign_files(secrets.token_bytes(32))
    for port, adapter in (
        (FileProvider, MemoryFileProvider(signer, opening.clock)),
        (IdentityProvider, MemoryIdentityProvider(opening.clock, opening.ids)),
        (PasswordHasher, MemoryPasswordHasher(opening.ids)),
        (SessionStore, MemorySessionStore()),
        (Cache, MemoryCache()),
        (ResultStore, MemoryResultStore()),
        (TurnEvents, MemoryTurnEvents()),
        (RateLimiter, MemoryRateLimiter()),
        (ReplyStore, MemoryReplyStore()),
        (JobQueue, MemoryJobQueue()),
        (VectorProvider, MemoryVectorProvider()),
        (EmbeddingModel, HashingEmbedder()),
        (TextExtractor, MemoryTextExtractor()),
        (Offload, InlineOffload()),
        (PromptOffload, InlineOffload()),
    ):
        opening.add(port, adapter)
    return opening
