"""Opens everything in order and closes it in the other: one start for server, worker, commands, library and tests."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from attrs import define, field, frozen

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.job_watch import JobWatch

from .composition import ROOMS, compose
from .jobs import JobHandler
from .library import FaultMaven
from .memory.job_queue import MemoryJobQueue
from .opening import Progress, quiet
from .owner import Role
from .settings import MODULES, Settings, load_settings

log = logging.getLogger(__name__)
#: How long an outbox waits where nobody woke the relay, in seconds: another process may have written into it.
RELAY_PAUSE = 1.0
#: How often it is looked whether the workers of running jobs are still alive, in seconds.
WATCH_PAUSE = 1.0
#: How long a library may take to do what it was asked just before it was closed, in seconds.
LAST_WORDS = 10.0


@asynccontextmanager
async def open(
    path: Path | str | None = None,
    *,
    settings: Settings | None = None,
    role: Role = Role.LIBRARY,
    modules: Collection[str] = MODULES,
    rebuild: bool = False,
    work: bool = True,
    model: bool | None = None,
    progress: Progress = quiet,
) -> AsyncIterator[FaultMaven]:
    """Everything over a data directory, or wholly in memory where ``path`` and ``settings`` are None.

    As a library it does its own jobs while the block runs, unless a server or a worker owns the directory and does
    them. ``modules`` are those that run here; the others are reached at their ``<MODULE>_URL``. ``rebuild`` empties the
    search index and has every document indexed anew, with the present model. Without ``work`` no job is done and
    no ``model`` opened, unless that is asked for: for looking at accounts and jobs.

    Raises: Misconfigured; DirectoryHeld when another process serves the directory; Unavailable.
    """
    async with AsyncExitStack() as stack:
        if path is None and settings is None:
            from .open_memory import open_memory

            opening = open_memory(stack, load_settings())
        else:
            from .open_durable import open_durable

            settings = settings or load_settings(data_dir=Path(path) if path is not None else None)
            opening = await open_durable(
                stack,
                settings,
                role=role,
                modules=_known(modules),
                model=work if model is None else model,
                progress=progress,
            )
        services = compose(opening.adapters, remote=opening.remote)
        fm = FaultMaven(
            settings=opening.settings,
            services=services,
            files=opening.files,
            signer=opening.signer,
            limiter=opening.limiter,
            replies=opening.replies,
            providers=opening.providers,
            clock=opening.clock,
            ids=opening.ids,
            notes=tuple(opening.notes),
            pings=opening.pings,
            modules=frozenset(modules),
            local={room.service: services[room.service] for name, room in ROOMS.items() if name in modules},
            redis=opening.redis,
            internal_key=opening.internal_key,
        )
        for note in fm.notes:
            log.warning("%s", note)
        if not work:
            yield fm
            return
        books: JobBooks = opening.adapters[JobBooks]
        relay: JobRelay = services[JobRelay]
        if opening.alone:
            await relay.release()
        if "knowledge" in modules:
            await fm.knowledge.start(rebuild=rebuild)
        watch = JobWatch(books, time.monotonic)
        stack.push_async_callback(_ended, asyncio.create_task(_relay(relay, opening.outbox), name="relay"))
        stack.push_async_callback(_ended, asyncio.create_task(_watch(watch, opening.outbox), name="watch"))
        if isinstance(opening.queue, MemoryJobQueue):
            handler = JobHandler(services=services, runner=services[JobRunner], jobs=services[JobService])
            consumer = asyncio.create_task(opening.queue.consume(handler), name="jobs")
            stack.push_async_callback(_ended, consumer)
            stack.push_async_exit(_Finishing(relay, opening.queue))
        yield fm


async def _relay(relay: JobRelay, outbox: asyncio.Event) -> None:
    """Send what the outboxes hold, at once when this process wrote into one."""
    attempt = _Persistent("what waits in the outboxes stays there for now", relay.run)
    while True:
        outbox.clear()
        await attempt()
        try:
            async with asyncio.timeout(RELAY_PAUSE):
                await outbox.wait()
        except TimeoutError:
            continue


async def _watch(watch: JobWatch, outbox: asyncio.Event) -> None:
    """Free what dead workers had in hand, and have it sent at once."""
    attempt = _Persistent("nobody looks after running jobs for now", watch.look)
    while True:
        if await attempt():
            outbox.set()
        await asyncio.sleep(WATCH_PAUSE)


@define
class _Persistent:
    """Does something again and again, whatever becomes of it, and complains of an outage once."""

    complaint: str
    do: Callable[[], Awaitable[int]]
    _away: bool = field(default=False, init=False)

    async def __call__(self) -> int:
        try:
            done = await self.do()
        except FaultMavenError as error:
            if not self._away:
                log.warning("%s: %s", self.complaint, error.message)
            self._away = True
            return 0
        except Exception:
            log.exception("%s", self.complaint)
            return 0
        self._away = False
        return done


@frozen
class _Finishing:
    """Does what was asked before a good end, within reason; the rest is done at the next start."""

    relay: JobRelay
    queue: MemoryJobQueue

    async def __aenter__(self) -> None:
        """Nothing to begin."""

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # who is interrupted does not wait
            return
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self.relay.run()
                await self.queue.idle()
        except (FaultMavenError, TimeoutError) as error:
            log.info("some jobs wait for the next start: %s", error)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended with an error", task.get_name(), exc_info=task.exception())


def _known(modules: Collection[str]) -> frozenset[str]:
    unknown = set(modules) - set(MODULES)
    if unknown or not modules:
        raise Misconfigured(f"The modules are {', '.join(MODULES)}; {', '.join(sorted(unknown)) or 'none'} is not one.")
    return frozenset(modules)
