"""Opens what lives in Redis: sessions, cache, results, limits, replies and turns' events, and the queue of jobs."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from faultmaven_domain.agent import TurnEvents
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.jobs import JobQueue, ResultStore
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.session import SessionStore

from .opening import Opening
from .owner import Holder, Ownership, Role, holder, own, refuse_second
from .redis.address import Address
from .settings import looked_for, redis_addresses

#: How long a process waits for the owner's Redis, which may be starting this very moment, in seconds.
PATIENCE = 15.0
#: How many may watch a turn from one process, each over a connection of its own; the rest look now and then.
WATCHERS = 1_000
#: How a note of a start begins that is the doctor's too.
EVICTS = "The Redis of the queue of jobs has the maxmemory-policy"


async def add_redis(opening: Opening, role: Role) -> Holder | None:
    """The owner's Redis where another process owns the directory, whom this tells of; else one of our own, or those
    that the settings name. Raises: Misconfigured; DirectoryHeld; Unavailable.
    """
    from .redis.clustered import refuse_cluster
    from .redis.connection import close, connect, connect_any, ping

    kept: Address | Path | None
    queue: Address | Path | None
    owner, (kept, queue) = None, redis_addresses(opening.settings)
    if kept is None:
        kept, owner = await _private(opening, role)
        queue = kept
    assert kept is not None
    assert queue is not None
    client = connect_any(kept)
    opening.stack.push_async_callback(close, client)
    with looked_for(opening.settings, "REDIS_URL"):
        await ping(client)
    await refuse_cluster(client, kept)
    opening.pings["redis"] = partial(ping, client)
    watchers = connect_any(kept, connections=WATCHERS)
    opening.stack.push_async_callback(close, watchers)
    _add_stores(opening, client, watchers)
    jobs = connect(queue)
    opening.stack.push_async_callback(close, jobs)
    if queue != kept:
        opening.pings["queue"] = partial(ping, jobs)
        try:
            await ping(jobs)
        except Unavailable as error:
            raise Unavailable(f"{error.message} It is that of QUEUE_REDIS_URL.") from error
        await refuse_cluster(jobs, queue)
    from .redis.eviction import evicts
    from .redis.job_queue import ArqJobQueue, forget_dead_workers

    opening.redis = queue
    opening.add(JobQueue, ArqJobQueue(jobs))
    if opening.alone:
        await forget_dead_workers(jobs)
    elif owner is None and (policy := await evicts(jobs)) is not None:
        opening.notes.append(
            f"{EVICTS} {policy}, by which it may throw jobs away when its memory is full. Set noeviction there, or "
            "QUEUE_REDIS_URL to one that has it."
        )
    return owner


def _add_stores(opening: Opening, client: Any, watchers: Any) -> None:
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


async def _private(opening: Opening, role: Role) -> tuple[Path | None, Holder | None]:
    """The socket, and the process that owns it where that is another."""
    settings, stack = opening.settings, opening.stack
    ownership, owner = await _owned_or_joined(stack, settings.data_dir, role)
    if ownership is None:
        return (owner.socket if owner is not None else None), owner
    from .redis.embedded import embedded_redis

    directory = settings.data_dir / "redis"
    private = await stack.enter_async_context(embedded_redis(directory, server=settings.redis_server))
    ownership.tell(private.socket)
    opening.alone = True
    return private.socket, None


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
