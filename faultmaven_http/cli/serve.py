"""The long-running commands."""

import asyncio
import gc
import logging
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import click
import uvicorn
from attrs import evolve
from starlette.routing import Route

from faultmaven_adapters import FaultMaven, Role, open
from faultmaven_adapters.owner import refuse_second
from faultmaven_adapters.settings import MODULES, Queue, Settings
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_worker import run_worker

from ..app import create_app
from ..conversation import LARGEST
from ..progress import bar, warn
from ..protocol import protocol_for
from ..routes.internal import internal_routes
from .options import data_dir, run_async, settings_for

log = logging.getLogger(__name__)
#: How long requests in hand may take to end when the server is told to stop, in seconds.
GRACE = 10
#: What a process has open besides connections and those who watch: databases, files, the index, other processes.
OTHER_FILES = 500


@click.command(short_help="Run the server.")
@data_dir
@click.option("--host", help="The address to listen on.  [default: $HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: $PORT or 8090]")
@click.option("--modules", help="Run only these, separated by commas; the others at their <MODULE>_URL.")
@run_async
async def serve(data_dir: Path | None, host: str | None, port: int | None, modules: str | None) -> None:
    """Run the server, with a worker inside where Redis is private.

    \b
    Examples:
      faultmaven serve                        on http://127.0.0.1:8090, data in ./data
      faultmaven serve --port 0               on a free port; its address is printed on stdout
      PROFILE=team JWT_SECRET=... faultmaven serve --host 0.0.0.0
    """
    stop = _stop_signal()
    settings = settings_for(data_dir)
    settings = evolve(settings, host=host or settings.host, port=settings.port if port is None else port)
    if settings.redis_url is None:
        refuse_second(settings.data_dir)
    with _listening(settings) as sock:
        settings = evolve(settings, port=sock.getsockname()[1])
        async with _opened(stop, settings, Role.SERVE, _modules(modules)) as fm:
            if fm is not None:
                await _served(fm, sock, stop)


@click.command(short_help="Run a worker beside a server.")
@data_dir
@click.option("--modules", help="Do only these modules' jobs, separated by commas.")
@click.option("--queues", help="Serve only these queues, separated by commas.  [default: $WORKER_QUEUES or all]")
@run_async
async def worker(data_dir: Path | None, modules: str | None, queues: str | None) -> None:
    """Do the jobs that wait: reading files, indexing documents, answering questions.

    \b
    Examples:
      faultmaven worker                       for the server on the same data directory
      REDIS_URL=redis://... faultmaven worker
      faultmaven worker --queues turns        questions alone; others: evidence, ingestion, maintenance
    """
    stop = _stop_signal()
    settings = settings_for(data_dir)
    if queues is not None:
        settings = evolve(settings, worker_queues=_queues(queues))
    async with _opened(stop, settings, Role.WORKER, _modules(modules)) as fm:
        if fm is None:
            return
        warn("The worker is ready.")
        work = asyncio.create_task(run_worker(fm))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await _ended(work)
        await _ended(waiting)


@asynccontextmanager
async def _opened(
    stop: asyncio.Event, settings: Settings, role: Role, modules: tuple[str, ...]
) -> AsyncIterator[FaultMaven | None]:
    """Everything; None where a stop came before it was open, of which nothing is left then."""
    with bar("Starting") as progress:

        def told(what: str, done: int, total: int | None) -> None:
            if stop.is_set():  # this may be a thread that fetches a model; nothing else would end it
                raise _Stopped
            progress.update(what, done, total)

        opening = open(settings=settings, role=role, modules=modules, progress=told)
        starting = asyncio.create_task(opening.__aenter__())
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await _ended(waiting)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
    if starting.cancelled() or isinstance(starting.exception(), _Stopped):
        log.info("stopped while it started")
        yield None
        return
    fm = starting.result()
    try:
        yield fm
    finally:
        await opening.__aexit__(None, None, None)


class _Stopped(Exception):
    """The process is to end."""


async def _served(fm: FaultMaven, sock: socket.socket, stop: asyncio.Event) -> None:
    app = create_app(fm, beside=_internal(fm))
    config = uvicorn.Config(
        app,
        http=protocol_for(_seats(fm.settings)),
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=LARGEST,
        ws_ping_interval=float(fm.settings.event_heartbeat),
        ws_per_message_deflate=False,  # what arrives together is held together, however large it unpacks
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        forwarded_allow_ips="",
        proxy_headers=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    working = asyncio.create_task(run_worker(fm)) if fm.settings.worker_inside() else None
    up, waiting = asyncio.create_task(server.up.wait()), asyncio.create_task(stop.wait())
    watched = {task for task in (serving, working, waiting) if task is not None}
    try:
        await asyncio.wait({up, *watched}, return_when=asyncio.FIRST_COMPLETED)
        if up.done():
            click.echo(f"http://{fm.settings.host}:{fm.settings.port}")
            log.info("ready on http://%s:%d, data in %s", fm.settings.host, fm.settings.port, fm.settings.data_dir)
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    finally:
        app.state.pushing.stopping.set()
        server.should_exit = True
        await serving
        for task in (up, waiting, working):
            if task is not None:
                await _ended(task)


def _seats(settings: Settings) -> int:
    """How many connections there may be, of what this process may have open. It may have all the system allows it."""
    others = settings.max_streams + OTHER_FILES
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + others
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, allowed), most))
    if allowed == wanted:
        return settings.max_connections
    seats = max(allowed - others, allowed // 2)
    log.warning(
        "this process may have %d files open: it holds %d connections, not %d", most, seats, settings.max_connections
    )
    return seats


def _internal(fm: FaultMaven) -> list[Route]:
    """Where some modules run alone, the door through which the others call them."""
    if fm.modules == frozenset(MODULES) or fm.internal_key is None:
        return []
    return internal_routes(fm.local, fm.internal_key)


class _Server(uvicorn.Server):
    """Signals are ours: uvicorn would end the process before the rest is closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _ended(task: "asyncio.Task[object]") -> None:
    """Cancel a task and wait for its end. Raises: what it failed with."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage, now or later, in all that is made while the block runs: nearly all of it stays.

    A start is an eighth shorter, and no request waits the 0.1 s or more that looking through every import takes.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The port, taken before anything else. Raises: Misconfigured when it is not to be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits some 40 ms for an acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        where = f"{settings.host}:{settings.port}"
        raise Misconfigured(f"{where} cannot be listened on: {error.strerror}. Set PORT or --port.") from error
    with sock:
        yield sock


def _queues(text: str) -> tuple[Queue, ...]:
    """Raises: Misconfigured."""
    named = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(named) - set(Queue))
    if unknown or not named:
        raise Misconfigured(f"The queues are {', '.join(Queue)}; {', '.join(unknown) or 'none'} is not one.")
    return tuple(Queue(name) for name in named)


def _modules(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else MODULES
