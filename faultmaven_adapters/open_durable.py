"""A start over a data directory: which adapters the settings ask for, opened one after the other."""

import asyncio
import os
import secrets
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from faultmaven_domain.agent import TurnEvents
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from faultmaven_domain.kernel.extraction import Offload, PromptOffload, TextExtractor
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.jobs import JobQueue, ResultStore
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.knowledge import EmbeddingModel
from faultmaven_domain.session import SessionStore

from .open_embeddings import add_model
from .open_files import add_files
from .open_identity import add_identity, terms_of
from .open_llm import add_llm
from .open_vectors import add_vectors
from .opening import TRANSACTIONS, Opening, Progress
from .owner import Holder, Ownership, Role, holder, own, refuse_second
from .settings import Settings

SECRET_FILE = "secret"
#: Which modules a module calls.
NEEDS = {"case": ("auth",), "evidence": ("case",), "agent": ("case", "evidence", "knowledge")}
#: How long a process waits for the owner's Redis, which may be starting this very moment, in seconds.
PATIENCE = 15.0
#: How many may watch a turn from one process, each over a connection of its own; the rest look now and then.
WATCHERS = 1_000


async def open_durable(
    stack: AsyncExitStack, settings: Settings, *, role: Role, modules: frozenset[str], work: bool, progress: Progress
) -> Opening:
    """Raises: Misconfigured; DirectoryHeld; Unavailable."""
    terms_of(settings)
    opening = Opening(settings, stack)
    opening.begin()
    add_llm(opening)
    owner = await _add_redis(opening, role)
    _add_queue(opening, role, owner)
    await _add_database(opening, modules)
    secret = _secret(settings)
    add_identity(opening, secret)
    await add_files(opening, secret)
    _add_heavy_work(opening)
    await _add_index(opening, work, progress)
    _add_remote(opening, modules, secret)
    if role is Role.SERVE and settings.passwordless():
        opening.notes.append(_says_who_gets_in(settings))
    return opening


def _says_who_gets_in(settings: Settings) -> str:
    admins = f" Admins are: {', '.join(settings.dev_login_admins)}." if settings.dev_login_admins else ""
    return (
        f"Whoever reaches {settings.host}:{settings.port} signs in by a name alone, without a password.{admins} "
        "DEV_LOGIN=false ends that."
    )


async def _add_redis(opening: Opening, role: Role) -> Holder | None:
    """The owner's Redis where another process owns the directory, whom this tells of; else one of our own."""
    from .redis.connection import close, connect, ping

    settings, stack = opening.settings, opening.stack
    owner = None
    if settings.redis_url is not None:
        opening.redis = settings.redis_url
    else:
        ownership, owner = await _owned_or_joined(stack, settings.data_dir, role)
        if ownership is not None:
            from .redis.embedded import embedded_redis

            directory = settings.data_dir / "redis"
            private = await stack.enter_async_context(embedded_redis(directory, server=settings.redis_server))
            ownership.tell(private.socket)
            opening.redis, opening.alone = private.socket, True
        elif owner is not None:
            opening.redis = owner.socket
    assert opening.redis is not None
    client = connect(opening.redis)
    await ping(client)
    opening.pings["redis"] = partial(ping, client)
    stack.push_async_callback(close, client)
    watchers = connect(opening.redis, connections=WATCHERS)
    stack.push_async_callback(close, watchers)
    from .redis.cache import RedisCache
    from .redis.rate_limiter import RedisRateLimiter
    from .redis.reply_store import RedisReplyStore
    from .redis.result_store import RedisResultStore
    from .redis.session_store import RedisSessionStore
    from .redis.turn_events import RedisTurnEvents

    opening.add(SessionStore, RedisSessionStore(client))
    opening.add(Cache, RedisCache(client))
    opening.add(ResultStore, RedisResultStore(client))
    opening.add(TurnEvents, RedisTurnEvents(watchers))
    opening.add(RateLimiter, RedisRateLimiter(client))
    opening.add(ReplyStore, RedisReplyStore(client))
    from .redis.job_queue import ArqJobQueue, forget_dead_workers

    opening.add(JobQueue, ArqJobQueue(client))
    if opening.alone:
        await forget_dead_workers(client)
    return owner


async def _owned_or_joined(
    stack: AsyncExitStack, directory: Path, role: Role
) -> tuple[Ownership, None] | tuple[None, Holder]:
    """The directory where nobody has it, else who does, once that can be joined; it may come or go meanwhile.

    Raises: DirectoryHeld for a second server; Unavailable.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ownership = stack.enter_context(own(directory, role))
        if ownership is not None:
            return ownership, None
        if role is Role.SERVE:
            refuse_second(directory)
        owner = holder(directory)
        if owner is not None and owner.socket is not None:
            return None, owner
        await asyncio.sleep(0.05)
    raise Unavailable(f"The process that owns {directory} has not come up; try again.")


def _add_queue(opening: Opening, role: Role, owner: Holder | None) -> None:
    """A library does its own jobs, unless the one it joined has a worker."""
    if role is Role.LIBRARY and (owner is None or owner.role is Role.LIBRARY):
        from .memory.job_queue import MemoryJobQueue

        opening.add(JobQueue, MemoryJobQueue())


async def _add_database(opening: Opening, modules: frozenset[str]) -> None:
    from .sql import Limits, open_sql
    from .sql.migrate import migrate

    settings = opening.settings
    limits = Limits(
        size=settings.database_pool_size,
        connecting=settings.database_connect_seconds,
        statement=settings.database_statement_seconds,
    )
    urls = {module: settings.database_of(module) for module in TRANSACTIONS}
    await migrate({module: url for module, url in urls.items() if module in modules})
    books = await opening.stack.enter_async_context(open_sql(urls, opening.outbox.set, limits))
    opening.add_transactions(books, modules)
    opening.pings["database"] = books["auth"].ping


def _secret(settings: Settings) -> str:
    """The one that is set, or the data directory's own, made once."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    place = settings.data_dir / SECRET_FILE
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = place.with_name(f"{SECRET_FILE}.{secrets.token_hex(6)}")
    part.touch(mode=0o600)
    part.write_text(secrets.token_urlsafe(48))
    try:
        os.link(part, place)  # the first of several wins, and nobody reads half of it
    except FileExistsError:
        pass
    finally:
        part.unlink()
    return place.read_text()


def _add_heavy_work(opening: Opening) -> None:
    from .extraction import FileTextExtractor, ProcessOffload

    offload, prompt = ProcessOffload(), ProcessOffload()
    for pool in (offload, prompt):
        opening.stack.push_async_callback(pool.close)
    opening.add(Offload, offload)
    opening.add(PromptOffload, prompt)
    opening.add(TextExtractor, FileTextExtractor(offload))


async def _add_index(opening: Opening, work: bool, progress: Progress) -> None:
    add_vectors(opening)
    if work:
        await add_model(opening, progress)
    else:
        from .embeddings.absent import AbsentModel

        opening.add(EmbeddingModel, AbsentModel("It was not opened."))


def _add_remote(opening: Opening, modules: frozenset[str], secret: str) -> None:
    from .remote import AbsentModule, RemoteModule, internal_key

    opening.internal_key = internal_key(secret)

    needed = {other for module in modules for other in NEEDS.get(module, ())}
    for module in (*TRANSACTIONS, "session"):
        url = getattr(opening.settings, f"{module}_url")
        if module in modules:
            continue
        if url is None and module in needed:
            raise Misconfigured(f"{module.upper()}_URL must say where the {module} module runs.")
        if url is None:
            opening.remote[module] = partial(AbsentModule, module)
        else:
            remote = RemoteModule(url, internal_key(secret))
            opening.remote[module] = remote.service
            opening.watch(module, remote)
